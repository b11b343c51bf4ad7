// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "policy/resources.h"

namespace claviger::server {

// The text of a configuration or resource file: a regular file of at most `max` bytes that belongs to this user or
// root and that nobody else may write (base/file_trust.h), since whoever writes it decides where credentials go.
// kInvalid or kNotFound, naming the file and what to do. Threads: any; blocks.
Result<std::string> read_text_file(const std::string& path, std::size_t max);

// All resources of a directory (`serve --resources`): each *.yaml and *.yml in it, in the order of names, not
// recursively, hidden files left out (Kubernetes mounts ..data beside its links). The directory is held to the same
// rule as its files. One that does not exist or holds no resource is an error.
Result<policy::Resources> read_resources(const std::string& directory);

}  // namespace claviger::server
