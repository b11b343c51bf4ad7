// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "http/fetch.h"
#include "net/task.h"
#include "sources/options.h"

namespace claviger::sources {

// What Vault gives for a time only; it can be given longer.
struct Lease {
  std::string id;
  std::chrono::seconds time{0};
  bool renewable = false;
};

// What came of reading a place.
struct Reading {
  // For each part that was asked for. Where one fails alone, it is not there, or no string.
  std::vector<Result<base::SecretBytes>> values;
  std::optional<Lease> lease;
};

// Reads secrets where they lie on the network. Of an answer nothing is said in an Error but its status.
//
// Threads: the control thread's. Secrets: what it gives lies in the arena; what it keeps is sealed.
class Reader {
 public:
  virtual ~Reader() = default;
  // Of a failure, `wait` is until when there is no use in trying again, where the other side says so.
  // Requires: `around`, `wait` and the reader outlive the task, which may be destroyed at any time.
  virtual net::Task<Result<Reading>> read(const http::FetchSurroundings& around, std::string place,
                                          std::vector<std::string> parts,
                                          std::optional<std::chrono::seconds>& wait) = 0;
  // For how long it is good from now on.
  virtual net::Task<Result<std::chrono::seconds>> renew(const http::FetchSurroundings& around, Lease lease);
  virtual const Pace& pace() const noexcept = 0;
};

// Where requests to it go. kInvalid names the CA file and what is wrong with it.
Result<http::FetchTarget> make_target(const StoreAddress& address);

}  // namespace claviger::sources
