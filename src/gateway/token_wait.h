// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "gateway/call.h"
#include "gateway/token_cell.h"
#include "net/loop.h"
#include "net/task.h"

namespace claviger::gateway {

class TokenDesk;
struct Worker;

// A worker's way to the desk, which is on the control thread. Threads: any.
class TokenLine {
 public:
  // How long a call waits for a token: as long as its endpoint has for an answer, and a little.
  static constexpr std::chrono::milliseconds kPatience{11'000};

  // `control` and `desk` outlive the workers.
  TokenLine(net::Loop& control, TokenDesk& desk) noexcept : control_(control), desk_(desk) {}

  // For later, with nobody waiting.
  void ask(std::shared_ptr<TokenCell> cell) const;
  // Until there is a good token, or it is clear that there is none. Resumes on `mine`, the worker's own loop, which outlives the desk's
  // answer. Errors: TokenDesk::ask()'s, and kUpstreamFailed after kPatience.
  net::Task<Result<void>> wait(net::Loop& mine, std::shared_ptr<TokenCell> cell) const;
  // The same for another one than that, which the upstream has refused (TokenDesk::lost()).
  net::Task<Result<void>> wait_for_another(net::Loop& mine, std::shared_ptr<TokenCell> cell,
                                           std::uint64_t lost) const;
  void lost(std::shared_ptr<TokenCell> cell, std::uint64_t number) const;
  void lost_in_vain(std::shared_ptr<TokenCell> cell) const;

 private:
  using Done = std::function<void(Result<void>)>;
  using Ask = std::function<void(TokenDesk&, const TokenCell&, Done)>;
  net::Task<Result<void>> wait_for(net::Loop& mine, std::shared_ptr<TokenCell> cell, Ask ask) const;

  net::Loop& control_;
  TokenDesk& desk_;
};

// Has the call that needs a token wait for one. An error says in call.retry_after when it is worth another try.
// Requires: worker and call outlive the task, and so does what the call points at.
net::Task<Result<void>> wait_for_token(Worker& worker, Call& call);

// The token that the call is to carry, of those its credential has now: what it was given may have run out while it waited.
// kNoCredential when there is none. Nothing to do for credentials whose secret is what is sent.
Result<void> take_token(Worker& worker, Call& call) noexcept;

}  // namespace claviger::gateway
