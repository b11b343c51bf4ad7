// SPDX-License-Identifier: Apache-2.0
#include "cli/store_place.h"

namespace claviger::cli {

void StorePlace::declare(Flags& flags) {
  flags.option("--data-dir", "DIR", data_dir,
               "The gateway's data directory (default: data_dir of the configuration)");
  flags.option("--config", "FILE", config, "The gateway's configuration file (default: built-in defaults)");
}

Result<server::Config> StorePlace::read() const {
  server::Config read = config.empty() ? server::default_config() : CLV_TRY(server::read_config(config));
  if (!data_dir.empty()) read.data_dir = data_dir;
  return read;
}

}  // namespace claviger::cli
