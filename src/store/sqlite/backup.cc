// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/backup.h"

#include <unistd.h>

#include "store/sqlite/file.h"

namespace claviger::store {
namespace {

// Reads one snapshot, and leaves behind what is in free pages. The copy has no WAL: it is the one file.
Result<void> copy(Database& database, const std::string& file) {
  Query query = CLV_TRY(database.query("VACUUM INTO ?"));
  return query.bind(file).run();
}

}  // namespace

Result<void> back_up_database(Database& database, const std::string& file) {
  const std::string path = CLV_TRY(canonical_path(file));
  CLV_TRY_VOID(make_private_file(path));
  auto done = copy(database, path);
  if (done) done = sync_file(path);
  if (done) return ok();
  ::unlink(path.c_str());
  return done.error().within("backing up to " + path);
}

}  // namespace claviger::store
