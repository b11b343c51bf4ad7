// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/change_event.h"

#include <algorithm>
#include <string>

#include "base/json.h"
#include "base/parse.h"
#include "crypto/hash.h"

namespace claviger::doors::externaldns {
namespace {

constexpr std::size_t kSurelyShown = 500;  // bytes of a text: escaped, it is not cut either
constexpr std::size_t kMostCalls = 32;  // of one change; the access log has all of them

std::string list_of(const std::vector<std::string>& ids) {
  std::string list = "[";
  for (std::size_t i = 0; i < std::min(ids.size(), kMostCalls); ++i) {
    if (i > 0) list += ',';
    base::append_json_string(list, ids[i]);
  }
  return list + "]";
}

audit::Event begun(const ChangeContext& context, audit::Event event) {
  event.add("request_id", context.request_id).add("door", context.door).add("principal", context.principal);
  return event;
}

std::string digest_of(std::string_view text) {
  return text.empty() ? std::string() : base::format_hex(crypto::Sha256().digest(text));
}

}  // namespace

bool is_recorded(Outcome outcome) noexcept {
  return outcome == Outcome::kDone || outcome == Outcome::kFailed;
}

audit::Event change_event(const ChangeContext& context, const RecordChange& change) {
  audit::Event event = begun(context, audit::Event(context.time, "dns_record.changed"));
  event.add("upstream", change.upstream).add("zone", change.zone);
  event.add("record", change.name).add("record_type", change.type);
  event.add("before", change.before).add("after", change.after);
  if (std::max(change.before.size(), change.after.size()) > kSurelyShown) {
    event.add("added", change.added).add("removed", change.removed);
    event.add("before_sha256", digest_of(change.before)).add("after_sha256", digest_of(change.after));
  }
  event.add("outcome", outcome_name(change.outcome)).add("reason", change.reason);
  if (!change.request_ids.empty()) event.add_json("calls", list_of(change.request_ids));
  return event;
}

audit::Event zone_event(const ChangeContext& context, const ZoneMade& made) {
  audit::Event event = begun(context, audit::Event(context.time, "dns_zone.created"));
  event.add("upstream", made.upstream).add("zone", made.zone);
  if (!made.request_id.empty()) event.add_json("calls", list_of({std::string(made.request_id)}));
  return event;
}

audit::Event refusal_event(const ChangeContext& context, std::size_t refused, std::string_view reason) {
  audit::Event event = begun(context, audit::Event(context.time, "dns_changes.refused"));
  event.add("refused", std::uint64_t{refused}).add("reason", reason);
  return event;
}

}  // namespace claviger::doors::externaldns
