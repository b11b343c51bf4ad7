// SPDX-License-Identifier: Apache-2.0
#include "server/file_name.h"

#include <unistd.h>

namespace claviger::server {

Result<std::string> read_file_name(const base::Document& node, std::string_view what) {
  std::string name = CLV_TRY(base::read_string(node, what));
  if (::access(name.c_str(), R_OK) != 0)
    return base::invalid_at(node.place, std::string(what) + ": " + name + " cannot be read");
  return name;
}

}  // namespace claviger::server
