// SPDX-License-Identifier: Apache-2.0
#include "net/local_ca.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/ip.h"
#include "net/openssl_owned.h"

namespace claviger::net {
namespace {

constexpr long kDay = 24 * 60 * 60;
constexpr long kLifetime = 825 * kDay;

Error failed() { return Error(Code::kInternal, Blame::kGateway, "OpenSSL could not make a certificate"); }

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const OwnedBio memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  return text_of(memory.get());
}

std::string pem_of(EVP_PKEY* key) {
  const OwnedBio memory(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(memory.get());
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

OwnedCertificate make_certificate(EVP_PKEY* key, const char* common_name) {
  OwnedCertificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  unsigned char serial[16];
  CLV_CHECK(RAND_bytes(serial, sizeof serial) == 1);
  serial[0] &= 0x7f;  // positive (RFC 5280 section 4.1.2.2)
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kLifetime);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  return certificate;
}

struct Names {
  std::string alternative;  // subjectAltName
  std::string permitted;    // nameConstraints
};

Names names_of(const std::vector<std::string>& names) {
  Names out;
  for (const std::string& name : names) {
    const auto ip = base::parse_ip(name);
    const std::string separator = out.alternative.empty() ? "" : ",";
    out.alternative += separator + (ip.has_value() ? "IP:" : "DNS:") + name;
    const std::string mask = !ip.has_value() ? ""
                             : ip->v6        ? "/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
                                             : "/255.255.255.255";
    out.permitted += separator + "permitted;" + (ip.has_value() ? "IP:" : "DNS:") + name + mask;
  }
  // Where a certificate names only addresses, names of the other kind would be unconstrained.
  if (out.permitted.find("DNS:") == std::string::npos) out.permitted += ",permitted;DNS:invalid";
  return out;
}

}  // namespace

Result<LocalCa> make_local_ca(const std::vector<std::string>& names) {
  const OwnedKey ca_key(EVP_EC_gen("P-256"));
  const OwnedKey key(EVP_EC_gen("P-256"));
  if (!ca_key || !key) return failed();
  const Names text = names_of(names);

  const OwnedCertificate ca = make_certificate(ca_key.get(), "Claviger local CA");
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  const bool ca_made =
      add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign") &&
      add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash") &&
      add_extension(ca.get(), ca.get(), NID_name_constraints, "critical," + text.permitted) &&
      X509_sign(ca.get(), ca_key.get(), EVP_sha256()) > 0;

  const OwnedCertificate server = make_certificate(key.get(), "claviger");
  X509_set_issuer_name(server.get(), X509_get_subject_name(ca.get()));
  const bool server_made =
      add_extension(server.get(), ca.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(server.get(), ca.get(), NID_key_usage, "critical,digitalSignature") &&
      add_extension(server.get(), ca.get(), NID_ext_key_usage, "serverAuth") &&
      add_extension(server.get(), ca.get(), NID_subject_key_identifier, "hash") &&
      add_extension(server.get(), ca.get(), NID_authority_key_identifier, "keyid") &&
      add_extension(server.get(), ca.get(), NID_subject_alt_name, text.alternative) &&
      X509_sign(server.get(), ca_key.get(), EVP_sha256()) > 0;
  if (!ca_made || !server_made) return failed();
  return LocalCa{pem_of(ca.get()), pem_of(server.get()), pem_of(key.get())};
}

}  // namespace claviger::net
