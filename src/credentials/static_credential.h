// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the kinds share whose secret goes onto every request as the same bytes: in a header field or a
// query parameter.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "credentials/kind.h"

namespace claviger::credentials {

inline constexpr std::size_t kMaxSecretSize = std::size_t{16} << 10;

// kInvalid, naming the credential and never quoting the secret: empty, over kMaxSecretSize, with control
// bytes or with spaces at its ends.
Result<void> check_secret(std::string_view credential, std::string_view secret);

// "credential '<name>': <what>", kInvalid.
Error unusable(std::string_view credential, std::string_view what);

// Whether `text` may stand in a field value: no control bytes, not even HTAB.
bool is_field_text(std::string_view text) noexcept;

// The arena block `prefix` and `text` one after the other.
Result<base::SecretBytes> join(base::SecretArena& arena, std::string_view prefix, std::string_view text);

// Where on the request.
enum class Spot : std::uint8_t { kField, kQuery };

// Puts the same bytes on every request, under a field's or a parameter's name. The bytes are sealed; the
// name is not.
class StaticCredential final : public Credential {
 public:
  StaticCredential(std::string name, Spot spot, std::string target, vault::Sealed value, EchoMarks echoes);

  std::string_view field_name() const noexcept override {
    return spot_ == Spot::kField ? target_ : std::string_view();
  }
  std::string_view query_name() const noexcept override {
    return spot_ == Spot::kQuery ? target_ : std::string_view();
  }
  Result<void> write_query(http::HeadWriter& out, const Attaching& with) const override;
  Result<void> write_fields(http::HeadWriter& out, const Attaching& with) const override;

  const vault::Sealed& sealed() const noexcept { return value_; }

 private:
  Result<void> open_into(http::HeadWriter& out, vault::Opener& opener) const;

  Spot spot_;
  std::string target_;
  vault::Sealed value_;
};

// Seals `value`, whole as it is to be sent, and wipes it. `target` is the name of the field or parameter; `echoes`: marks_of() what
// is secret in it.
std::unique_ptr<const Credential> seal_static(std::string name, Spot spot, std::string target,
                                              base::SecretBytes value, std::string_view bound_to,
                                              EchoMarks echoes, vault::ProcessKey& key);

}  // namespace claviger::credentials
