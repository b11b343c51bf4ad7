// SPDX-License-Identifier: Apache-2.0
// Of the desk of tokens: secrets that their endpoint has replaced.
#include <utility>

#include "gateway/token_desk_entry.h"

namespace claviger::gateway {
namespace {

constexpr std::chrono::seconds kSaveAgain{10};

}  // namespace

void TokenDesk::start_saving(Entry& entry) {
  if (entry.is_saving || entry.is_closed || !entry.replaced) return;
  if (!around_.keep || entry.source.version == 0 || entry.source.is_kept_elsewhere) {
    entry.is_unsaved = false;
    around_.log.warning("secret_replaced",
                        {{"credential", entry.source.credential},
                         {"detail",
                          "its token endpoint has replaced the refresh token, which is kept in memory "
                          "alone: its secret lies in no store of the gateway's. After a restart the old one "
                          "is used"}});
    return;
  }
  entry.is_saving = true;
  entry.saving = save(entry);
  entry.saving.handle().resume();
}

// The old one is of no use any more, whatever becomes of this.
net::Task<void> TokenDesk::save(Entry& entry) {
  entry.is_unsaved = false;  // unless it is replaced once more meanwhile
  entry.being_saved = entry.replaced;
  auto secret = open(*entry.replaced);
  Result<void> kept = ok();
  if (secret.has_value())
    kept = co_await around_.keep({.credential = entry.source.credential,
                                  .destination = entry.source.destination,
                                  .version = entry.source.version,
                                  .secret = *std::move(secret)});
  else kept = secret.error();
  entry.is_saving = false;
  entry.being_saved.reset();
  if (entry.is_closed) co_return;
  const bool is_overtaken = !kept.has_value() && kept.error().code() == Code::kConflict;
  if (!kept.has_value() && !is_overtaken) {
    ++counts_.unsaved;
    around_.log.error("secret_not_kept", {{"credential", entry.source.credential},
                                          {"reason", kept.error().what()},
                                          {"detail",
                                           "its token endpoint has replaced it; it is in memory "
                                           "alone until it can be kept"}});
    entry.is_unsaved = true;
  }
  if (entry.is_unsaved)
    entry.save_timer.start(kept.has_value() ? std::chrono::seconds(0) : kSaveAgain,
                           [this, &entry] { start_saving(entry); });
}

// Of one that was taken back, or disabled, while its endpoint replaced its secret: it may be enabled again, and the old one is of no use
// then. The registry refuses it where the credential has another secret, or goes elsewhere.
net::Task<void> TokenDesk::save_late(const Entry& entry, base::SecretBytes secret) {
  if (!around_.keep || entry.source.version == 0 || entry.source.is_kept_elsewhere) co_return;
  const auto kept = co_await around_.keep({.credential = entry.source.credential,
                                           .destination = entry.source.destination,
                                           .version = entry.source.version,
                                           .secret = std::move(secret)});
  if (kept.has_value() || kept.error().code() == Code::kConflict) co_return;
  ++counts_.unsaved;
  around_.log.error("secret_not_kept",
                    {{"credential", entry.source.credential},
                     {"reason", kept.error().what()},
                     {"detail", "its token endpoint has replaced it while it was taken back"}});
}

}  // namespace claviger::gateway
