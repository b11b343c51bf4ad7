// SPDX-License-Identifier: Apache-2.0
// What the desk shows of its tokens: nothing of a token itself.
#include <algorithm>

#include "gateway/token_desk_entry.h"
#include "telemetry/exposition.h"

namespace claviger::gateway {
namespace {

double seconds(Monotonic::duration time) {
  return std::max(0.0, std::chrono::duration<double>(time).count());
}

}  // namespace

std::string expose_tokens(const TokenCounts& counts, std::vector<TokenShown> shown) {
  telemetry::Exposition out;
  constexpr std::string_view kFetches = "claviger_token_fetches_total";
  out.family(kFetches, "counter",
             "Attempts to fetch a token for credentials that need one, by what came of them.");
  out.sample(kFetches, R"(outcome="fetched")", counts.fetched);
  out.sample(kFetches, R"(outcome="refused")", counts.refused);
  out.sample(kFetches, R"(outcome="failed")", counts.failed);
  const auto counter = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
    out.family(name, "counter", help);
    out.sample(name, "", value);
  };
  counter("claviger_tokens_lost_total",
          "Tokens that an upstream did not take any more, and another was fetched for.", counts.lost);
  counter("claviger_token_secrets_replaced_total",
          "Refresh tokens that their endpoint has replaced by another.", counts.replaced);
  counter("claviger_token_secrets_unsaved_total",
          "Attempts to keep a replaced refresh token that failed; it is in memory alone until one does not.",
          counts.unsaved);
  // In the order of names, so that it is the same hundred each time.
  std::ranges::sort(shown, {}, &TokenShown::credential);
  if (shown.size() > TokenDesk::kMaxNames) shown.resize(TokenDesk::kMaxNames);
  const auto gauge = [&](std::string_view name, std::string_view help, double TokenShown::* value) {
    out.family(name, "gauge", help);
    for (const TokenShown& each : shown)
      out.sample(name, telemetry::label("credential", each.credential), each.*value);
  };
  gauge("claviger_token_good_seconds", "For how long a credential's token can be used still; 0 without one.",
        &TokenShown::good);
  gauge("claviger_token_age_seconds", "How long ago a credential's token was fetched; 0 without one.",
        &TokenShown::age);
  gauge("claviger_token_retry_seconds",
        "For how long no attempt to fetch a credential's token is made, after one that failed.",
        &TokenShown::retry);
  return out.take();
}

std::string TokenDesk::expose() const {
  const Monotonic now = around_.control.clock().monotonic();
  std::vector<TokenShown> shown;
  for (const auto& [cell, entry] : entries_) {
    if (!entry->is_adopted) continue;
    TokenShown& each = shown.emplace_back(TokenShown{.credential = entry->source.credential});
    each.retry = seconds(entry->pace.next() - now);
    if (!entry->token) continue;
    each.good = seconds(entry->token->good_until - now);
    each.age = seconds(now - entry->fetched);
  }
  return expose_tokens(counts_, std::move(shown));
}

}  // namespace claviger::gateway
