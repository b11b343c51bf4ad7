// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/document.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "credentials/echo_marks.h"
#include "crypto/hash.h"
#include "http/head_writer.h"
#include "http/message.h"
#include "vault/process_key.h"

namespace claviger::net {
class ClientIdentity;  // net/client_identity.h
}

namespace claviger::credentials {

struct Token;  // credentials/token.h
class TokenFetcher;
struct TokenEndpoint;
class BodyCoder;  // credentials/body_coder.h

// With what a credential is put on a request. All of it is borrowed for that moment.
struct Attaching {
  vault::Opener& opener;  // the calling worker's
  WallTime now{};
  const Token* token = nullptr;  // of a kind that fetches one: good now
  const crypto::Sha256Digest* payload = nullptr;  // of the whole body, where body_need() asks for it
  const http::RequestHead* request = nullptr;  // the caller's, with what `strip` keeps back
  std::unique_ptr<BodyCoder>* coder = nullptr;  // where body_need() is kCoded, write_fields() puts it there
};

// What a credential has to know of a request's body before the head can be written.
enum class BodyNeed : std::uint8_t {
  kNone,
  kDigest,  // of all of it, so that it is held until its end has come
  kCoded,  // it goes out in a form of the credential's making
};

// One credential, ready for use: the bytes it puts on requests lie sealed inside, and are opened straight
// into the outgoing head, which the relay wipes once it is sent.
//
// Threads: any; immutable. The Opener is the calling worker's.
class Credential {
 public:
  virtual ~Credential() = default;

  const std::string& name() const noexcept { return name_; }
  // The header field and query parameter it sets ("" for none), and further fields: `strip` removes the caller's own.
  virtual std::string_view field_name() const noexcept { return {}; }
  virtual std::span<const std::string_view> more_field_names() const noexcept { return {}; }
  virtual std::string_view query_name() const noexcept { return {}; }
  // Further query parameters that are removed from what a caller sends, lower case.
  virtual std::span<const std::string_view> more_query_names() const noexcept { return {}; }

  // Writes "name=value" into the request line, behind '?' or '&' that the relay has put. Only when
  // query_name() is not empty.
  virtual Result<void> write_query(http::HeadWriter& out, const Attaching& with) const;
  // Writes whole field lines, last of all: what was written so far (out.text()) is the request line and every other field, as they go
  // out.
  virtual Result<void> write_fields(http::HeadWriter& out, const Attaching& with) const;

  virtual BodyNeed body_need(const http::RequestHead&) const noexcept { return BodyNeed::kNone; }
  // With kCoded: how long the body is in that form.
  virtual std::uint64_t coded_size(const http::RequestHead& head) const noexcept {
    return head.content_length;
  }

  // Where it is shown in the TLS handshake: connections are this credential's, and nobody else's. Null: there is none.
  virtual const std::shared_ptr<const net::ClientIdentity>& identity() const noexcept;

  // Of a kind that puts a token on requests, and not its secret: how that is fetched. Null: the secret is all it takes.
  virtual const std::shared_ptr<const TokenFetcher>& fetcher() const noexcept;

  // Until when what it is made of is good, such as a certificate; max: it does not say.
  virtual WallTime good_until() const noexcept { return WallTime::max(); }

  // What of it must not come back in an answer. Of a fetched token: Token::echoes.
  const EchoMarks& echoes() const noexcept { return echoes_; }

 protected:
  explicit Credential(std::string name, EchoMarks echoes = {})
      : name_(std::move(name)), echoes_(std::move(echoes)) {}

 private:
  std::string name_;
  EchoMarks echoes_;
};

// What a kind makes a Credential of.
struct Material {
  std::string name;  // of the credential
  const base::Document& auth;  // settings, a map with `kind`
  base::SecretBytes secret;  // as read from its source, one trailing line end taken off
  std::string_view bound_to;  // text that names credential and destination; goes into the associated data
  bool over_tls = true;  // the upstream's base URL is https
  bool masked = true;  // answers are searched for what must not come back: marks_of()
};

// EchoMarks::of() what the material is bound to, where answers are masked; nothing to look for where they are not. kInvalid, naming the
// credential, says what to do about a secret that is too short for it.
Result<EchoMarks> marks_of(const Material& material, std::span<const std::string_view> secrets,
                           vault::ProcessKey& key);

// A way to prove identity to an upstream. One file for each, listed in catalog.cc.
class Kind {
 public:
  virtual ~Kind() = default;
  virtual std::string_view name() const noexcept = 0;
  // Checks settings without a secret (check-config, upstreams). kInvalid names file and line.
  virtual Result<void> check(const base::Document& auth) const = 0;
  // Why an upstream of this credential has to be https ("a certificate is shown in the TLS handshake"); empty: it need not be.
  // Requires: check(auth) was fine.
  virtual std::string_view needs_tls(const base::Document& auth) const;
  // Where it fetches tokens, so that where the secret goes is known without it. Nothing for kinds that fetch none.
  // Requires: check(auth) was fine.
  virtual std::optional<TokenEndpoint> token_endpoint(const base::Document& auth) const;
  // Takes the secret, seals what is to be sent, wipes the rest. kInvalid when the secret cannot be sent by this
  // kind (control bytes, empty, too long); the message never quotes it.
  virtual Result<std::unique_ptr<const Credential>> make(Material material, vault::ProcessKey& key) const = 0;
};

}  // namespace claviger::credentials
