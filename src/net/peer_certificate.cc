// SPDX-License-Identifier: Apache-2.0
#include "net/peer_certificate.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/parse.h"
#include "net/caller_trust.h"
#include "net/openssl_owned.h"
#include "net/ticket_keys.h"

namespace claviger::net {
namespace {

constexpr int kMostNames = 32;  // of whatever kind: each is looked at
constexpr std::size_t kLongestName = 512;

template <std::size_t kSize>
Error unacceptable(const char (&what)[kSize]) {
  return {Code::kDenied, Blame::kCaller, what};
}

// What stands between '!' and '~'. Above all no NUL: names are compared as a whole, and shown in logs.
bool is_visible(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

void lower(std::string& text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i)
    if (text[i] >= 'A' && text[i] <= 'Z') text[i] = static_cast<char>(text[i] - 'A' + 'a');
}

// Of an e-mail address the host folds case, the mailbox does not (RFC 5280 section 7.5). A URI is compared as it is.
Result<std::string> make_name(std::string_view kind, const ASN1_IA5STRING* value) {
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                              static_cast<std::size_t>(ASN1_STRING_length(value)));
  if (text.empty() || text.size() > kLongestName || !is_visible(text))
    return unacceptable("a name in the client certificate is empty, too long, or not of visible characters");
  std::string name(kind);
  name += text;
  if (kind == "dns:") lower(name, kind.size());
  if (kind == "email:") lower(name, std::min(name.rfind('@'), name.size()));
  return name;
}

// No name for those of a kind that no principal is known by.
Result<std::optional<std::string>> read_name(const GENERAL_NAME* general) {
  switch (general->type) {
    case GEN_DNS:
      return std::optional(CLV_TRY(make_name("dns:", general->d.dNSName)));
    case GEN_URI:
      return std::optional(CLV_TRY(make_name("uri:", general->d.uniformResourceIdentifier)));
    case GEN_EMAIL:
      return std::optional(CLV_TRY(make_name("email:", general->d.rfc822Name)));
    default:
      return std::optional<std::string>();
  }
}

std::string fingerprint(const X509* certificate) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), digest.data(), &size);
  return "sha256:" + base::format_hex(std::as_bytes(std::span(digest)));
}

// --- What a session is stamped with --------------------------------------------------------------

struct Stamp {
  WallTime verified;
  WallTime until;
};
static_assert(std::is_trivially_copyable_v<Stamp>);

std::optional<Stamp> stamp_of(const SSL_SESSION* session) noexcept {
  void* data = nullptr;
  std::size_t size = 0;
  // It only reads; what it gives stays the session's.
  if (SSL_SESSION_get0_ticket_appdata(const_cast<SSL_SESSION*>(session), &data, &size) != 1 ||
      size != sizeof(Stamp))
    return std::nullopt;
  Stamp stamp{};
  std::memcpy(&stamp, data, sizeof stamp);
  return stamp;
}

WallTime first_to_expire(const STACK_OF(X509) * chain, const CallerTrust& trust) noexcept {
  if (chain == nullptr) return WallTime::max();
  WallTime first = trust.until;
  for (int i = 0; i < sk_X509_num(chain); ++i)
    first = std::min(first, time_of(X509_get0_notAfter(sk_X509_value(chain, i))));
  return first;
}

WallTime good_until(SSL* ssl, const ServerTls& tls) noexcept {
  if (SSL_session_reused(ssl) != 1) return first_to_expire(SSL_get0_verified_chain(ssl), tls.trust());
  const auto stamp = stamp_of(SSL_get_session(ssl));
  return stamp ? stamp->until : WallTime::min();
}

}  // namespace

Result<std::vector<std::string>> read_names(const x509_st* certificate) {
  int critical = 0;
  const OwnedNames general(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  // -1: there are none. Else they stand there twice (-2), or cannot be read.
  if (general == nullptr && critical != -1)
    return unacceptable("the client certificate's subject alternative names cannot be read");
  const int count = general == nullptr ? 0 : sk_GENERAL_NAME_num(general.get());
  if (count > kMostNames) return unacceptable("the client certificate has more than 32 names");
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) {
    auto name = CLV_TRY(read_name(sk_GENERAL_NAME_value(general.get(), i)));
    if (name) names.push_back(*std::move(name));
  }
  names.push_back(fingerprint(certificate));
  return names;
}

Result<std::unique_ptr<PeerCertificate>> read_peer_certificate(SSL* ssl, const ServerTls& tls) {
  if (!tls.trust().asks) return std::unique_ptr<PeerCertificate>();
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (SSL_get_verify_result(ssl) != X509_V_OK || (certificate == nullptr && tls.trust().requires_it))
    return unacceptable("the caller has no client certificate that is trusted");
  if (certificate == nullptr) return std::unique_ptr<PeerCertificate>();
  auto read = std::make_unique<PeerCertificate>();
  read->names = CLV_TRY(read_names(certificate));
  read->expires = good_until(ssl, tls);
  return read;
}

// As OpenSSL does it in a handshake.
std::optional<WallTime> verify_again(SSL* ssl, const ServerTls& now) noexcept {
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr || !now.trust().asks) return std::nullopt;
  SSL_CTX* const context = now.context();
  const OwnedVerification verification(X509_STORE_CTX_new());
  if (verification == nullptr ||
      X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(context), certificate,
                          SSL_get_peer_cert_chain(ssl)) != 1 ||
      X509_STORE_CTX_set_default(verification.get(), "ssl_client") != 1)
    return std::nullopt;
  X509_VERIFY_PARAM* const param = X509_STORE_CTX_get0_param(verification.get());
  X509_VERIFY_PARAM_set_auth_level(param, SSL_CTX_get_security_level(context));
  if (X509_VERIFY_PARAM_set1(param, SSL_CTX_get0_param(context)) != 1) return std::nullopt;
  if (X509_verify_cert(verification.get()) != 1) return std::nullopt;
  return first_to_expire(X509_STORE_CTX_get0_chain(verification.get()), now.trust());
}

bool stamp_session(SSL* ssl, const ServerTls& tls) noexcept {
  SSL_SESSION* session = SSL_get_session(ssl);
  if (SSL_session_reused(ssl) == 1 && stamp_of(session)) return true;
  const Stamp stamp{tls.tickets().clock().wall(), first_to_expire(SSL_get0_verified_chain(ssl), tls.trust())};
  return SSL_SESSION_set1_ticket_appdata(session, &stamp, sizeof stamp) == 1;
}

// A clock that was set back makes it a matter of doubt, which a full handshake settles.
bool may_resume(const SSL_SESSION* session, WallTime now) noexcept {
  const auto stamp = stamp_of(session);
  return stamp && stamp->verified <= now && now - stamp->verified < TicketKeys::kPeriod && now < stamp->until;
}

}  // namespace claviger::net
