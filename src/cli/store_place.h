// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/command.h"
#include "server/config.h"

namespace claviger::cli {

// Which store a command that works on files means: --data-dir and --config, as `serve` reads them.
struct StorePlace {
  std::string data_dir, config;

  void declare(Flags& flags);
  Result<server::Config> read() const;
};

}  // namespace claviger::cli
