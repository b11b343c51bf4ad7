// SPDX-License-Identifier: Apache-2.0
#include "net/caller_trust.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/file_trust.h"
#include "net/crl_check.h"
#include "net/openssl_owned.h"
#include "net/tls_context.h"

namespace claviger::net {
namespace {

constexpr std::size_t kMaxCaFile = std::size_t{4} << 20;  // CRLs grow
constexpr int kMaxCas = 64;  // each is named to every caller that shakes hands
constexpr int kMaxDepth = 4;  // CAs between a caller's certificate and one of the file
constexpr long kMaxChainBytes = 32 << 10;  // as a caller sends it

Error unreadable(const std::string& path, int reason) {
  return Error::from_errno(Code::kInvalid, Blame::kOperator, "client_ca: reading " + path, reason);
}

Error wrong(const std::string& path, std::string_view what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, "client_ca: " + path + ": " + std::string(what));
}

// Whoever may write the file decides who gets in.
Result<std::string> read_ca_file(const std::string& path) {
  const base::Descriptor file(path, O_RDONLY | O_NONBLOCK);  // lest a FIFO be waited for
  if (!file.is_open()) return unreadable(path, errno);
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) return unreadable(path, errno);
  if (!S_ISREG(status.st_mode)) return wrong(path, "not a regular file");
  CLV_TRY_VOID(base::check_not_writable_by_others(file.number(), path));
  std::string text;
  if (base::read_all(file.number(), kMaxCaFile, text)) return text;
  return errno == EFBIG ? wrong(path, "larger than 4 MiB") : unreadable(path, errno);
}

struct Found {
  int cas = 0;
  int crls = 0;
  WallTime until = WallTime::max();
};

// A certificate that is no CA would be trusted as itself, which is for a principal's `certificates` to say.
Result<void> add_ca(SSL_CTX* context, const std::string& path, X509* ca, Found& found) {
  if (X509_check_ca(ca) == 0) return wrong(path, "holds a certificate that is not a CA's");
  if (++found.cas > kMaxCas) return wrong(path, "holds more than 64 CAs");
  if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) != 1 ||
      SSL_CTX_add_client_CA(context, ca) != 1)
    return tls_error("client_ca: " + path);
  return ok();
}

Result<void> add_crl(SSL_CTX* context, const std::string& path, X509_CRL* crl, Found& found) {
  if (X509_STORE_add_crl(SSL_CTX_get_cert_store(context), crl) != 1) return tls_error("client_ca: " + path);
  ++found.crls;
  if (const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl); next != nullptr)
    found.until = std::min(found.until, time_of(next));
  return ok();
}

Result<Found> add_all(SSL_CTX* context, const std::string& path, std::string_view pem) {
  ERR_clear_error();
  const OwnedInfos infos = parse_pem(pem);
  if (infos == nullptr) return tls_error("client_ca: " + path + ": not a readable file of PEM certificates");
  Found found;
  for (int i = 0; i < sk_X509_INFO_num(infos.get()); ++i) {
    const X509_INFO* info = sk_X509_INFO_value(infos.get(), i);
    if (info->x_pkey != nullptr)
      return wrong(path, "holds a private key; it should hold CA certificates alone");
    if (info->x509 != nullptr) CLV_TRY_VOID(add_ca(context, path, info->x509, found));
    if (info->crl != nullptr) CLV_TRY_VOID(add_crl(context, path, info->crl, found));
  }
  if (found.cas == 0) return wrong(path, "holds no PEM certificate of a CA");
  return found;
}

// What purpose a certificate must have is OpenSSL's default for a server: that of a TLS client.
void ask(SSL_CTX* context, const CallerTrust& trust, bool has_crls) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (trust.requires_it ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  SSL_CTX_set_verify_depth(context, kMaxDepth);
  SSL_CTX_set_max_cert_list(context, kMaxChainBytes);
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;  // who trusts an intermediate CA need not trust its root
  if (has_crls) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), flags);
}

}  // namespace

Result<CallerTrust> trust_callers(ssl_ctx_st* context, const ServerTlsOptions& options) {
  CallerTrust trust;
  crypto::Sha256 sha256;
  if (options.client_ca_file.empty()) {
    trust.digest = sha256.digest_parts(std::array<std::string_view, 1>{"nobody is asked"});
    return trust;
  }
  const std::string pem = CLV_TRY(read_ca_file(options.client_ca_file));
  const Found found = CLV_TRY(add_all(context, options.client_ca_file, pem));
  if (found.crls > 0) verify_crls_once(SSL_CTX_get_cert_store(context));
  trust.asks = true;
  trust.requires_it = !options.client_certificate_optional;
  trust.digest = sha256.digest_parts(
      std::array<std::string_view, 2>{trust.requires_it ? "a certificate is required" : "optional", pem});
  trust.until = found.until;
  ask(context, trust, found.crls > 0);
  return trust;
}

WallTime time_of(const asn1_string_st* time) noexcept {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return WallTime::max();
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace claviger::net
