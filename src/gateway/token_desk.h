// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audit/event.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "credentials/token.h"
#include "gateway/credential_life.h"
#include "gateway/token_cell.h"
#include "http/fetch.h"
#include "net/loop.h"
#include "net/task.h"
#include "telemetry/log.h"
#include "vault/process_key.h"

namespace claviger::gateway {

struct World;

// A credential that needs tokens, as the world in the making has it.
struct TokenSource {
  std::string credential;
  std::string upstream;
  std::string destination;  // its digest: who it is, and everything that decides where its secret goes
  std::uint32_t version = 0;  // of its secret; 0: it is none of the vault's
  bool is_kept_elsewhere = false;  // its secret: whatever its version, the vault does not have it
  bool masked =
      true;  // its upstream's answers are searched for the token: the fetcher makes tokens that say what to look for
  std::shared_ptr<const credentials::TokenFetcher> fetcher;
  std::vector<http::FetchTarget> targets;  // of the endpoint, the next one's turn where one cannot be reached
  std::string target;  // path and query
};

// A secret that its endpoint has replaced.
struct ReplacedSecret {
  std::string credential;
  std::string destination;  // that it was got from: it must go nowhere else
  std::uint32_t version = 0;  // that it replaces
  base::SecretBytes secret;
};

// What the desk counts.
struct TokenCounts {
  std::uint64_t fetched = 0;
  std::uint64_t refused = 0;  // the endpoint does not take the secret
  std::uint64_t failed = 0;  // it cannot be asked, or its answer is no good
  std::uint64_t lost = 0;  // tokens that an upstream did not take any more
  std::uint64_t replaced = 0;  // secrets
  std::uint64_t unsaved = 0;  // of them, attempts to keep one that failed
};

// What it shows of one credential's token, in seconds.
struct TokenShown {
  std::string credential;
  double good = 0;
  double age = 0;
  double retry = 0;
};
// Prometheus text.
std::string expose_tokens(const TokenCounts& counts, std::vector<TokenShown> shown);

// Fetches tokens, each once for all workers: when a call needs one, and ahead of time for those that are in use.
//
// A token is good until shortly before it expires, and stays in use while no other can be had: an outage of its endpoint shows when it
// has run out. Attempts that fail are paced (token_pace.h), and so is what calls can bring about by answers of 401.
//
// Owns: what it knows of each credential; the cells it shares with worlds. Callbacks that are due when it is destroyed are not called;
// what is being fetched then ends.
// Threads: the control thread's. Workers come by token_wait.h. Secrets: opened into the arena for each attempt.
class TokenDesk {
 public:
  struct Surroundings {
    net::Loop& control;
    vault::ProcessKey& key;
    telemetry::Log& log;
    std::size_t readers = 1;  // of cells: workers
    std::function<net::Task<Result<http::FetchAnswer>>(http::FetchTarget, http::FetchRequest)> fetch;
    std::function<void(audit::Event)> record;
    // Makes it durable as the credential's secret; null: there is nowhere to keep it. kConflict: it has another one meanwhile.
    std::function<net::Task<Result<void>>(ReplacedSecret)> keep;
  };
  static Result<std::unique_ptr<TokenDesk>> create(Surroundings around);
  ~TokenDesk();
  TokenDesk(const TokenDesk&) = delete;
  TokenDesk& operator=(const TokenDesk&) = delete;

  // The cell of a credential: the one that there is, while destination and secret are the same, else a new one. Nothing is fetched by that.
  std::shared_ptr<TokenCell> cell(const TokenSource& source);
  // That will be the world, and no worker goes by it yet: a token that it could not use as it is goes.
  void expect(const World& world);
  // That is the world from now on: what it does not have is closed, and its tokens go.
  void adopt(const World& world);

  // Calls back once there is a good token, or with why there is none: at once, while an attempt is not due. An empty `done`: nobody waits.
  // Possibly at once. kNoCredential: the endpoint does not take the secret; kUpstreamFailed: it cannot be asked; kUnavailable; kCancelled: the
  // world has not got the cell any more.
  using Done = std::function<void(Result<void>)>;
  void ask(const TokenCell& cell, Done done);
  // The upstream has not taken the token of that number: calls back once there is another one, or with an Error where it is not to be had
  // now. Whoever else uses it goes on until then: one answer of 401 may be one caller's doing.
  void lost(const TokenCell& cell, std::uint64_t number, Done done);
  // It has not taken the next one either: so it is not the token.
  void lost_in_vain(const TokenCell& cell);

  // Answers everybody who waits, and whoever asks from now on, with kUnavailable: the gateway stops.
  void stop();

  // Nothing is being fetched that might replace a secret, and none that was replaced is being kept: nothing is lost by an end now.
  bool is_idle() const noexcept;

  const TokenCounts& counts() const noexcept { return counts_; }
  // Prometheus text.
  std::string expose() const;

  static constexpr std::size_t kMostAnswer = std::size_t{64} << 10;  // of an endpoint
  static constexpr std::size_t kMaxNames = 100;  // credentials with metrics of their own

 private:
  struct Entry;
  using EntryPointer = std::unique_ptr<Entry>;
  enum class Why : std::uint8_t { kNeeded, kAhead, kLost };

  TokenDesk(Surroundings around, vault::Opener opener);
  Entry* find(const TokenCell& cell) const noexcept;
  bool is_secret_of(const TokenSource& source, const vault::Sealed& sealed);
  bool is_same(const Entry& entry, const TokenSource& source);
  Result<base::SecretBytes> open(const vault::Sealed& sealed);
  void start(Entry& entry, Why why);
  // Tasks are the entry's, and end with it at the latest.
  net::Task<void> run(Entry& entry, Why why);
  net::Task<Result<credentials::FetchedToken>> attempt(Entry& entry);
  Result<void> take(Entry& entry, credentials::FetchedToken fetched, Monotonic began);
  void give_up(Entry& entry, const Error& error);
  void answer(Entry& entry, const Result<void>& outcome);
  void close(Entry& entry);
  void forget(const TokenCell* cell);
  void tend(Entry& entry);
  void arm(Entry& entry, Monotonic when);
  void start_saving(Entry& entry);
  net::Task<void> save(Entry& entry);
  net::Task<void> save_late(const Entry& entry, base::SecretBytes secret);
  void record_fetched(const Entry& entry, Why why, bool is_replaced) const;
  void record_failed(const Entry& entry, const Error& error) const;

  Surroundings around_;
  vault::Opener opener_;
  std::unordered_map<const TokenCell*, EntryPointer> entries_;
  std::unordered_multimap<std::string, Entry*> by_destination_;
  std::vector<EntryPointer> closed_;  // with a task that is not over
  std::weak_ptr<const void> adopted_;  // the table of upstreams; only to be compared
  std::uint64_t last_number_ = 0;
  TokenCounts counts_;
  bool is_stopping_ = false;
};

}  // namespace claviger::gateway
