// SPDX-License-Identifier: Apache-2.0
#include "policy/draft_work.h"

#include "base/check.h"

namespace claviger::policy {

Error refusal(const base::Place& place, std::string_view what) {
  if (place.file != nullptr) return base::invalid_at(place, what);
  return Error::formatted(Code::kInvalid, Blame::kCaller, std::string(what));  // by way of the API
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

Result<void> DraftWork::complain(Kind kind, std::string_view name, Error error) {
  if (complaints_ == nullptr) return error;
  complaints_->push_back({.kind = kind, .name = std::string(name), .error = std::move(error)});
  return ok();
}

template <class R>
Result<void> DraftWork::put_all(Result<void> (DraftWork::*put)(const R&)) {
  for (const auto& entry : queues_.of<R>().entries()) {
    if (!entry.resource.has_value()) continue;
    Result<void> done = (this->*put)(*entry.resource);
    if (!done.has_value()) CLV_TRY_VOID(complain(kKindOf<R>, entry.name, done.error()));
  }
  return ok();
}

Result<void> DraftWork::apply() {
  clear_grants();
  clear_keys();
  clear_credentials();
  clear_principals();
  clear_upstreams();
  CLV_TRY_VOID(put_all(&DraftWork::put_upstream));
  CLV_TRY_VOID(put_all(&DraftWork::put_principal));
  CLV_TRY_VOID(put_all(&DraftWork::put_credential));
  CLV_TRY_VOID(check_auths());
  CLV_TRY_VOID(put_all(&DraftWork::put_key));
  CLV_TRY_VOID(put_all(&DraftWork::put_grant));
  CLV_TRY_VOID(check_going());
  free_principals();  // last, so that a position is not another's in the very snapshot in which it became free
  free_upstreams();
  return ok();
}

std::shared_ptr<const SnapshotTables> DraftWork::take() && {
  CLV_CHECK(complaints_ == nullptr || complaints_->empty());
  if (upstreams_ != nullptr) tables_.upstreams = std::move(upstreams_);
  return std::make_shared<const SnapshotTables>(std::move(tables_));
}

}  // namespace claviger::policy
