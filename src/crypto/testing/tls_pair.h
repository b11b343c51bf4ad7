// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

namespace claviger::crypto::testing {

// Two ends of a TLS connection in one thread, over memory, authenticated by a pre-shared key that is
// no secret. It is there to make OpenSSL hold traffic keys.
//
// Only net links libssl; this borrows it at run time, and never gives it back.
class TlsPair {
 public:
  enum class Version : int { k12 = 0x0303, k13 = 0x0304 };

  // Hands shakes and sends a message each way; the process stops when that fails.
  TlsPair(Version version, const std::string& cipher_suite);
  ~TlsPair();
  TlsPair(const TlsPair&) = delete;
  TlsPair& operator=(const TlsPair&) = delete;

  // Of the connection, as OpenSSL calls it.
  std::string cipher_suite() const;

 private:
  struct Ends;
  std::unique_ptr<Ends> ends_;
};

}  // namespace claviger::crypto::testing
