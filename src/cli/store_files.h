// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace claviger::cli {

// Steps of putting a store back, each of which leaves either the old store whole, none, or the new one whole, whenever
// the machine stops. Requires: nobody else uses the directory (server::DataDirLock).

// A copy of a regular file, 0600, synced, in place of what `to` was. Run by root, it belongs to whom its directory does.
Result<void> copy_private(const std::string& from, const std::string& to);
// An empty file like that.
Result<void> make_mark(const std::string& path);
// Run by root: gives a file to whom its directory belongs, so that the gateway can use it.
Result<void> give_to_directory_owner(const std::string& path);

// Moves `fresh` to `store`, in the same directory. An old store is kept beside it, with what SQLite keeps for it, as
// `<store>.before-restore-<N>`; returns that name, "" when there was none.
Result<std::string> replace_store(const std::string& fresh, const std::string& store);

// Removes a file and what SQLite keeps beside it, as far as they are there.
void remove_store_files(const std::string& file) noexcept;

}  // namespace claviger::cli
