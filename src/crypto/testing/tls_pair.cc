// SPDX-License-Identifier: Apache-2.0
#include "crypto/testing/tls_pair.h"

#include <dlfcn.h>

#include <array>
#include <cstring>

#include "base/check.h"

namespace claviger::crypto::testing {
namespace {

struct Bio;
struct Context;
struct Connection;
using PskClient = unsigned (*)(Connection*, const char*, char*, unsigned, unsigned char*, unsigned);
using PskServer = unsigned (*)(Connection*, const char*, unsigned char*, unsigned);

// The functions of libssl (and libcrypto's BIO pair) that a handshake takes, found by name.
struct LibSsl {
  template <class Signature>
  static Signature* find(const char* name) {
    static void* const library = ::dlopen("libssl.so.3", RTLD_NOW);
    CLV_CHECK(library != nullptr);
    void* const symbol = ::dlsym(library, name);
    CLV_CHECK(symbol != nullptr);
    return reinterpret_cast<Signature*>(symbol);
  }
  const void* (*client_method)() = find<const void*()>("TLS_client_method");
  const void* (*server_method)() = find<const void*()>("TLS_server_method");
  Context* (*context_new)(const void*) = find<Context*(const void*)>("SSL_CTX_new");
  void (*context_free)(Context*) = find<void(Context*)>("SSL_CTX_free");
  long (*context_ctrl)(Context*, int, long, void*) = find<long(Context*, int, long, void*)>("SSL_CTX_ctrl");
  int (*set_suites_12)(Context*, const char*) = find<int(Context*, const char*)>("SSL_CTX_set_cipher_list");
  int (*set_suites_13)(Context*, const char*) = find<int(Context*, const char*)>("SSL_CTX_set_ciphersuites");
  void (*set_psk_client)(Context*,
                         PskClient) = find<void(Context*, PskClient)>("SSL_CTX_set_psk_client_callback");
  void (*set_psk_server)(Context*,
                         PskServer) = find<void(Context*, PskServer)>("SSL_CTX_set_psk_server_callback");
  Connection* (*connection_new)(Context*) = find<Connection*(Context*)>("SSL_new");
  void (*connection_free)(Connection*) = find<void(Connection*)>("SSL_free");
  void (*set_bio)(Connection*, Bio*, Bio*) = find<void(Connection*, Bio*, Bio*)>("SSL_set_bio");
  void (*set_connect)(Connection*) = find<void(Connection*)>("SSL_set_connect_state");
  void (*set_accept)(Connection*) = find<void(Connection*)>("SSL_set_accept_state");
  int (*handshake)(Connection*) = find<int(Connection*)>("SSL_do_handshake");
  int (*read)(Connection*, void*, int) = find<int(Connection*, void*, int)>("SSL_read");
  int (*write)(Connection*, const void*, int) = find<int(Connection*, const void*, int)>("SSL_write");
  const void* (*current_suite)(const Connection*) =
      find<const void*(const Connection*)>("SSL_get_current_cipher");
  const char* (*suite_name)(const void*) = find<const char*(const void*)>("SSL_CIPHER_get_name");
  int (*bio_pair)(Bio**, std::size_t, Bio**,
                  std::size_t) = find<int(Bio**, std::size_t, Bio**, std::size_t)>("BIO_new_bio_pair");
};

const LibSsl& ssl() {
  static const LibSsl functions;
  return functions;
}

constexpr char kNotASecret[] = "not-a-real-pre-shared-key-32bytes";

unsigned psk_of_client(Connection*, const char*, char* identity, unsigned identity_size, unsigned char* psk,
                       unsigned size) {
  CLV_CHECK(identity_size > 4 && size >= 32);
  std::memcpy(identity, "test", 5);
  std::memcpy(psk, kNotASecret, 32);
  return 32;
}

unsigned psk_of_server(Connection*, const char*, unsigned char* psk, unsigned size) {
  CLV_CHECK(size >= 32);
  std::memcpy(psk, kNotASecret, 32);
  return 32;
}

Context* make_context(const void* method, TlsPair::Version version, const std::string& suite) {
  constexpr int kSetMinVersion = 123;  // SSL_CTRL_SET_MIN_PROTO_VERSION
  constexpr int kSetMaxVersion = 124;
  Context* const context = ssl().context_new(method);
  CLV_CHECK(context != nullptr);
  CLV_CHECK(ssl().context_ctrl(context, kSetMinVersion, static_cast<long>(version), nullptr) == 1);
  CLV_CHECK(ssl().context_ctrl(context, kSetMaxVersion, static_cast<long>(version), nullptr) == 1);
  const auto set_suites = version == TlsPair::Version::k12 ? ssl().set_suites_12 : ssl().set_suites_13;
  CLV_CHECK(set_suites(context, suite.c_str()) == 1);
  return context;
}

}  // namespace

struct TlsPair::Ends {
  Context* client_context = nullptr;
  Context* server_context = nullptr;
  Connection* client = nullptr;
  Connection* server = nullptr;

  static void send(Connection* from, Connection* to) {
    std::array<char, 16> got{};
    CLV_CHECK(ssl().write(from, "hello", 5) == 5);
    CLV_CHECK(ssl().read(to, got.data(), got.size()) == 5 && std::memcmp(got.data(), "hello", 5) == 0);
  }
};

TlsPair::TlsPair(Version version, const std::string& cipher_suite) : ends_(std::make_unique<Ends>()) {
  Ends& ends = *ends_;
  ends.client_context = make_context(ssl().client_method(), version, cipher_suite);
  ends.server_context = make_context(ssl().server_method(), version, cipher_suite);
  ssl().set_psk_client(ends.client_context, psk_of_client);
  ssl().set_psk_server(ends.server_context, psk_of_server);
  ends.client = ssl().connection_new(ends.client_context);
  ends.server = ssl().connection_new(ends.server_context);
  Bio* near = nullptr;
  Bio* far = nullptr;
  CLV_CHECK(ends.client != nullptr && ends.server != nullptr && ssl().bio_pair(&near, 0, &far, 0) == 1);
  ssl().set_bio(ends.client, near, near);
  ssl().set_bio(ends.server, far, far);
  ssl().set_connect(ends.client);
  ssl().set_accept(ends.server);
  bool client_done = false;
  bool server_done = false;
  for (int turn = 0; turn < 10; ++turn) {
    client_done = ssl().handshake(ends.client) == 1;
    server_done = ssl().handshake(ends.server) == 1;
  }
  CLV_CHECK(client_done && server_done);
  Ends::send(ends.client, ends.server);
  Ends::send(ends.server, ends.client);
}

TlsPair::~TlsPair() {
  ssl().connection_free(ends_->client);
  ssl().connection_free(ends_->server);
  ssl().context_free(ends_->client_context);
  ssl().context_free(ends_->server_context);
}

std::string TlsPair::cipher_suite() const { return ssl().suite_name(ssl().current_suite(ends_->client)); }

}  // namespace claviger::crypto::testing
