// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "vault/process_key.h"

namespace claviger::vault {

// Where secrets come from: `env:NAME` and `file:PATH`.
//
// A variable is erased from the process's environment block when it is first read (so /proc/PID/environ no
// longer shows it) and kept sealed, so that a reload finds it again. A file is read anew each time,
// straight into the arena: regular, owned by this user or root, no access for group or others (allow_group_read() apart), at
// most 64 KiB, every one of which is said in the error. One trailing line end (LF or CRLF) is taken off either.
//
// Threads: the control thread's. Secrets: nothing on heap or stack.
class SecretSources {
 public:
  explicit SecretSources(ProcessKey& key) : key_(key) {}

  // From now on a file may be read by its group, where this process is in it: as Kubernetes mounts Secrets with fsGroup.
  void allow_group_read() noexcept { may_be_read_by_group_ = true; }

  // kInvalid when `from` is of no known form, or the source is missing, empty, or too open; `what`
  // says which and what to do, and never any byte of the secret.
  Result<base::SecretBytes> read(std::string_view from);

  // The form alone, for check-config.
  static Result<void> check(std::string_view from);

 private:
  Result<base::SecretBytes> read_environment(std::string_view name);
  Result<base::SecretBytes> read_file(std::string_view path);

  ProcessKey& key_;
  bool may_be_read_by_group_ = false;
  std::unordered_map<std::string, Sealed> erased_;  // variables already taken out of the environment
};

}  // namespace claviger::vault
