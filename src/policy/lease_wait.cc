// SPDX-License-Identifier: Apache-2.0
#include "policy/lease_wait.h"

#include <utility>

#include "net/answer_wait.h"

namespace claviger::policy {

void LeaseCounter::ask(LeaseRequest request) const {
  control_.post([&desk = desk_, request = std::move(request)] { desk.ask(request, {}); });
}

net::Task<Result<QuotaDecision>> LeaseCounter::wait(net::Loop& mine, LeaseRequest request) const {
  return net::wait_for_answer<QuotaDecision>(
      mine, control_, kPatience,
      Error(Code::kUnavailable, Blame::kOperator,
            "the store takes too long to save the counters of quotas; it may be on a slow or stuck disk"),
      [&desk = desk_, request = std::move(request)](net::Answer<QuotaDecision> done) {
        desk.ask(request, std::move(done));
      });
}

}  // namespace claviger::policy
