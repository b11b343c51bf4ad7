// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "net/endpoint.h"

namespace claviger::server {

struct CertificateFiles {
  std::string ca, certificate, key;
};

// The listener's certificate in the data directory: DIR/ca.pem, server.pem, server.key (0600). Made when there is
// none of them, for localhost, the loopback addresses, and the address that is listened on; the CA's key is
// forgotten. kInvalid when the directory cannot be made or written, or only some of the files are there.
Result<CertificateFiles> ensure_certificate(const std::string& data_dir, const net::Endpoint& listen);

// Makes the directory (0700) and those above it, if need be.
Result<void> make_directory(const std::string& path);

// Writes a file whole or not at all, with these permissions from the start; synced, its name as well.
Result<void> write_file(const std::string& path, std::string_view text, unsigned mode);

}  // namespace claviger::server
