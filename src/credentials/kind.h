// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/document.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "http/head_writer.h"
#include "vault/process_key.h"

namespace claviger::credentials {

// One credential, ready for use: the bytes it puts on requests lie sealed inside, and are opened straight
// into the outgoing head, which the relay wipes once it is sent.
//
// Threads: any; immutable. The Opener is the calling worker's.
class Credential {
 public:
  virtual ~Credential() = default;

  const std::string& name() const noexcept { return name_; }
  // The header field and query parameter it sets ("" for none): `strip` removes the caller's own.
  virtual std::string_view field_name() const noexcept { return {}; }
  virtual std::string_view query_name() const noexcept { return {}; }

  // Writes "name=value" into the request line, behind '?' or '&' that the relay has put. Only when
  // query_name() is not empty.
  virtual Result<void> write_query(http::HeadWriter& out, vault::Opener& opener) const;
  // Writes whole field lines.
  virtual Result<void> write_fields(http::HeadWriter& out, vault::Opener& opener) const;

 protected:
  explicit Credential(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

// What a kind makes a Credential of.
struct Material {
  std::string name;              // of the credential
  const base::Document& auth;    // settings, a map with `kind`
  base::SecretBytes secret;      // as read from its source, one trailing line end taken off
  std::string_view bound_to;  // text that names credential and destination; goes into the associated data
};

// A way to prove identity to an upstream. One file for each, listed in catalog.cc.
class Kind {
 public:
  virtual ~Kind() = default;
  virtual std::string_view name() const noexcept = 0;
  // Checks settings without a secret (check-config, upstreams). kInvalid names file and line.
  virtual Result<void> check(const base::Document& auth) const = 0;
  // Takes the secret, seals what is to be sent, wipes the rest. kInvalid when the secret cannot be sent by this
  // kind (control bytes, empty, too long); the message never quotes it.
  virtual Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const = 0;
};

}  // namespace claviger::credentials
