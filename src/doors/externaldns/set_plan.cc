// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/set_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "doors/externaldns/names.h"
#include "doors/externaldns/technitium.h"

namespace claviger::doors::externaldns {
namespace {

// More at one name, of one type, is no set that ExternalDNS has made.
constexpr std::size_t kMostLive = 4096;

// Options that are not another target's.
constexpr std::string_view kAboutTheTarget[] = {"&disable=", "&glue=", "&autoIpv4Hint=", "&autoIpv6Hint="};
constexpr std::string_view kOpaque = "?";  // a record that cannot be shown

bool has(std::span<const std::string> targets, std::string_view target) {
  return std::ranges::find(targets, target) != targets.end();
}

std::string set_text(std::int64_t ttl, std::span<const std::string_view> targets) {
  if (targets.empty()) return {};
  std::string text = std::to_string(ttl);
  for (const std::string_view target : targets) text += fmt::format(" {}", target);
  return text;
}

void append_word(std::string& text, std::string_view word) {
  if (!text.empty()) text += ' ';
  text += word;
}

class Planner {
 public:
  Planner(const SetChange& change, std::span<const LiveRecord> live, const ProviderOptions& options)
      : change_(change), live_(live), options_(options) {}

  SetPlan plan() {
    if (live_.size() > kMostLive)
      return refused(fmt::format("the server has {} records there: more than {} are not looked through",
                                 live_.size(), kMostLive));
    sort_out();
    tell();
    if (!change_.is_removal() && has_one_value(change_.record_type) &&
        kept_.size() + added_.size() + others_ > 1)
      return refused("it has another value, that is not ExternalDNS's");
    if (!change_.is_removal() && change_.want.size() > 1 && has_one_value(change_.record_type))
      return refused("it can have one target only");
    // In place, so that there is an answer at any time.
    if (live_.size() == 1 && gone_.size() == 1 && added_.size() == 1) {
      add(*added_.front(), true, comments_of(live_.front()));
      return std::move(plan_);
    }
    // With their comments, which the server would drop where a record with another TTL is added.
    for (const LiveRecord* record : kept_) {
      if (record->ttl != ttl_) update(*record);
    }
    for (const std::string* target : added_) add(*target, false, {});
    for (const LiveRecord* record : gone_) remove(*record);
    return std::move(plan_);
  }

 private:
  void sort_out() {
    for (const LiveRecord& record : live_) {
      if (record.is_opaque) ++others_;
      else if (has(change_.want, record.target)) kept_.push_back(&record);
      else if (has(change_.old, record.target) || is_replaced_heritage(record)) gone_.push_back(&record);
      else ++others_;
    }
    for (const std::string& target : change_.want) {
      const auto is_it = [&target](const LiveRecord* record) { return record->target == target; };
      if (std::ranges::none_of(kept_, is_it)) added_.push_back(&target);
    }
    if (change_.ttl != 0) ttl_ = change_.ttl;
    else if (!live_.empty()) ttl_ = live_.front().ttl;
    else ttl_ = options_.ttl_default;
    if (change_.ttl != 0) ttl_ = std::clamp(ttl_, options_.ttl_min, options_.ttl_max);
  }
  // The registry's text is put together anew by ExternalDNS, and need not be what is there, which may be encrypted. What somebody else has
  // come to own, as far as that can be read, is not taken away, but can be taken over.
  bool is_replaced_heritage(const LiveRecord& record) const {
    if (!change_.is_registry) return false;
    const std::string text = txt_text(record.target);
    // At the very name that it is about may be texts of others.
    const bool may_be_registrys = may_be_encrypted(text) && change_.name != change_.owned;
    if (!is_heritage(text) && !may_be_registrys) return false;
    const auto may_have_same_owner = [&text](const std::string& old) {
      const std::string one = txt_text(old);
      return !is_heritage(one) || !is_heritage(text) || heritage_owner(one) == heritage_owner(text);
    };
    return !change_.is_removal() || std::ranges::any_of(change_.old, may_have_same_owner);
  }
  void note_owner(std::string_view owner) {
    const auto names = [owner](const std::string& text) { return heritage_owner(txt_text(text)) == owner; };
    if (owner.empty() || !change_.is_registry || !change_.old.empty()) return;
    if (std::ranges::none_of(change_.want, names)) plan_.other_owner = owner;
  }
  void tell() {
    std::vector<std::string_view> before, after;
    for (const LiveRecord& record : live_) {
      before.push_back(record.is_opaque ? kOpaque : record.target);
      const auto is_it = [&record](const LiveRecord* gone) { return gone == &record; };
      if (std::ranges::none_of(gone_, is_it)) after.push_back(before.back());
    }
    for (const std::string* target : added_) after.push_back(*target);
    for (const LiveRecord* record : gone_) note_owner(heritage_owner(txt_text(record->target)));
    for (const std::string* target : added_) append_word(plan_.added, *target);
    for (const LiveRecord* record : gone_) append_word(plan_.removed, record->target);
    plan_.ttl = ttl_;
    plan_.adds = added_.size();
    plan_.deletes = gone_.size();
    plan_.before = set_text(live_.empty() ? 0 : live_.front().ttl, before);
    plan_.after = set_text(change_.is_removal() && !live_.empty() ? live_.front().ttl : ttl_, after);
  }
  SetPlan refused(std::string why) {
    plan_.refusal = std::move(why);
    return std::move(plan_);
  }
  void add(std::string_view target, bool overwrite, std::string_view options) {
    Step step{.path = kAddRecord, .form = fmt::format("&ttl={}", ttl_)};
    if (overwrite) step.form += "&overwrite=true";
    step.form += options;
    put(std::move(step), {}, target);
  }
  void update(const LiveRecord& record) {
    Step step{.path = kUpdateRecord, .form = fmt::format("&ttl={}", ttl_)};
    step.form += record.options;
    put(std::move(step), record.identity, record.target);
  }
  void remove(const LiveRecord& record) {
    if (has_one_value(change_.record_type)) plan_.steps.push_back({.path = kDeleteRecord, .form = {}});
    else put({.path = kDeleteRecord, .form = {}}, record.identity, record.target);
  }
  void put(Step step, std::string_view identity, std::string_view target) {
    if (!identity.empty()) {
      step.form += identity;
    } else if (const auto made = append_record_form(step.form, change_.record_type, target);
               !made.has_value()) {
      plan_.refusal = made.error().what();
      return;
    }
    plan_.steps.push_back(std::move(step));
  }
  // What another record takes over of a record's options: not what is about its target.
  static std::string comments_of(const LiveRecord& record) {
    std::string taken;
    std::string_view rest = record.options;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('&', 1), rest.size());
      const std::string_view field = rest.substr(0, end);
      const auto is_it = [field](std::string_view name) { return field.starts_with(name); };
      if (std::ranges::none_of(kAboutTheTarget, is_it)) taken += field;
      rest.remove_prefix(end);
    }
    return taken;
  }

  const SetChange& change_;
  const std::span<const LiveRecord> live_;
  const ProviderOptions& options_;
  std::vector<const LiveRecord*> kept_, gone_;
  std::vector<const std::string*> added_;
  std::size_t others_ = 0;
  std::int64_t ttl_ = 0;
  SetPlan plan_;
};

}  // namespace

SetPlan plan_set(const SetChange& change, std::span<const LiveRecord> live, const ProviderOptions& options) {
  return Planner(change, live, options).plan();
}

}  // namespace claviger::doors::externaldns
