// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "registry/registry.h"
#include "server/connections.h"
#include "server/process.h"

namespace claviger::server {

// Everything that `serve --demo` needs to show a call: an echo upstream in this process, and the resources for it, made
// through the registry as an operator would make them with the command line.
//
// Owns: the echo upstream. Threads: the control thread's.
class Demo {
 public:
  static Result<std::unique_ptr<Demo>> create(net::Loop& control);
  ~Demo();

  // Applies upstream, credential, principal and grant, sets the credential's secret (an obvious fake), revokes the keys of
  // earlier demos and makes a new one, which is what comes back: shown once, good for this demo alone.
  // Requires: workers run.
  net::Task<Result<base::SecretBytes>> set_up(registry::Registry& registry, SecretMemory& memory);

 private:
  class Echo;
  Demo();
  net::Task<Result<void>> revoke_old_keys(registry::Registry& registry);

  unsigned port_ = 0;
  net::BufferPool buffers_;
  telemetry::WorkerMetrics metrics_;
  Admission admission_{{.known = 1024, .strangers = 1024}};
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<Connections> connections_;
};

}  // namespace claviger::server
