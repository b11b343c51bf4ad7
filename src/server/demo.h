// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "server/connections.h"
#include "server/process.h"

namespace claviger::server {

// Everything that `serve --demo` needs to show a call: an echo upstream in this process, a credential for it (an
// obvious fake), a principal with a key, and a grant, written as resources that a reader can look at and change.
//
// Owns: the echo upstream. Threads: the control thread's.
class Demo {
 public:
  // Makes DIR/resources/demo.yaml and DIR/demo-credential (0600).
  static Result<std::unique_ptr<Demo>> create(net::Loop& control, const std::string& data_dir,
                                              SecretMemory& memory);
  ~Demo();

  const std::string& resources_dir() const noexcept { return resources_dir_; }
  // The caller's key, for the curl line. Shown once, stored nowhere; it is good for this demo alone.
  base::SecretBytes take_key() noexcept { return std::move(key_); }

 private:
  class Echo;
  explicit Demo(net::Loop& control);
  Result<void> write_resources(const std::string& data_dir, unsigned port, SecretMemory& memory);

  net::Loop& control_;
  std::string resources_dir_;
  base::SecretBytes key_;
  http::ServerLimits limits_;
  net::BufferPool buffers_;
  telemetry::WorkerMetrics metrics_;
  std::atomic<std::size_t> open_{0};
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<Connections> connections_;
};

}  // namespace claviger::server
