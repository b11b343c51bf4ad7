// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace claviger::store {

// The path with its directory resolved, so that SQLite can be told to follow no link and sees no URI.
// kNotFound when the directory is not there.
Result<std::string> canonical_path(const std::string& file);

// Makes an empty file, 0600 whatever the umask, and its entry in the directory durable. kConflict when it is
// there.
Result<void> make_private_file(const std::string& file);

// That a database and what SQLite keeps beside it are regular files that nobody but this user or root can
// write. kNotFound when the database is not there.
// Never opens them for reading: closing any descriptor of a file drops this process's POSIX locks on it.
Result<void> check_database_files(const std::string& file);

// Syncs a file that nothing in this process has open, and its directory.
Result<void> sync_file(const std::string& file);

}  // namespace claviger::store
