// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "http/fetch.h"
#include "net/loop.h"
#include "sources/options.h"
#include "sources/reader.h"
#include "vault/process_key.h"
#include "vault/reference.h"
#include "vault/source.h"

namespace claviger::sources {

// How it stands with the value of one `from`.
struct ValueState {
  std::string from;
  vault::SourceKind kind = vault::SourceKind::kEnvironment;
  std::uint32_t version = 0;  // counts the values that there were since the process began; 0: there was none
  WallTime changed{};  // when it came to be what it is
  WallTime read{};  // when it was last read; 1970: never
  std::string fault;  // why it cannot be read, or is not taken; empty: all is well
  WallTime failing_since{};
  std::optional<WallTime> good_until;  // of a value that is kept while its source fails
  bool has_value = false;
};

struct SourceCount {
  std::uint64_t reads = 0;
  std::uint64_t failures = 0;  // of these
};
using SourceCounts = std::array<SourceCount, 4>;  // by SourceKind

// In the Prometheus text format. The kind of a source is a label; which secret it is, is nobody's business there.
std::string expose(const std::vector<ValueState>& states, const SourceCounts& counts);

// The secrets that live elsewhere: read when they are wanted, and again in the background for as long as they are. While a source
// fails the last good value is used, for as long as the settings say.
//
// A place is read once for all credentials that name it, whichever part of it they want. A new value is offered to whoever uses it
// (Hooks::offered), and becomes the value when it is taken; one that is refused changes nothing but the state.
//
// Threads: the control thread's. Secrets: values are sealed; what read() gives lies in the arena.
class SourceDesk {
 public:
  struct Hooks {
    // There is another value, or none any more. Whoever uses it tries it on, soon, and then takes or refuses it.
    std::function<void(const std::string& from)> offered;
    // It failed, recovered, or changed: `before` is how it stood until then.
    std::function<void(const ValueState& before, const ValueState& now)> report;
  };

  // kInvalid names what is wrong with a CA file. Requires: all that is borrowed outlives it.
  static Result<std::unique_ptr<SourceDesk>> create(Options options, const http::FetchSurroundings& around,
                                                    vault::ProcessKey& key, vault::SecretSources& secrets);
  ~SourceDesk();

  // What may be read, and sent to each of `destinations` (as AllowList::Rule::to has them). kInvalid.
  Result<void> check_allowed(std::string_view from, std::span<const std::string> destinations) const;

  // One that is wanted, from now on: a file or variable is read at once, what lies on the network soon. Nothing when it is known.
  void want(std::string_view from);
  // Of others than these nothing is kept.
  void keep_only(const std::set<std::string, std::less<>>& froms);
  // Reads what is wanted and lies on the network, for as long as the settings say at the most. Blocks, on a loop of its own; before
  // start().
  void read_at_start();
  // A file or variable is read anew, now, and what it gives is offered; the Error is that of reading it. Of others nothing happens.
  Result<void> read_anew(std::string_view from);
  // What lies on the network is read again as soon as that can be.
  void read_soon();
  // From now on everything is read again when it is time.
  void start(Hooks hooks);

  // The value. kNoCredential, with the reason, where there is none that may be used; kInvalid where a file or variable has none.
  Result<base::SecretBytes> read(std::string_view from) const;
  // Of what read() gives, and when it came. No version: 0, also of one that is kept no longer.
  std::uint32_t version(std::string_view from) const noexcept;
  WallTime changed(std::string_view from) const noexcept;
  // Whether there is something to try on still, or no value any more.
  bool is_due(std::string_view from) const noexcept;
  // read() gives what is offered, until that is taken or refused: within the same turn of the loop.
  void try_on(std::string_view from);
  void put_back(std::string_view from);  // neither taken nor refused
  void take(std::string_view from);
  void refuse(std::string_view from, std::string why);

  std::vector<ValueState> states() const;  // in the order of `from`
  std::optional<ValueState> state(std::string_view from) const;
  const SourceCounts& counts() const noexcept { return counts_; }

 private:
  struct Value;
  struct Place;
  SourceDesk(Options options, const http::FetchSurroundings& around, vault::ProcessKey& key,
             vault::SecretSources& secrets);
  void look();
  void look_at(Place& place);
  void look_at_file(Place& place);
  void begin(Place& place, const http::FetchSurroundings& around);
  net::Task<void> read_place(Place& place, const http::FetchSurroundings& around);
  net::Task<bool> renew_lease(Place& place, const http::FetchSurroundings& around);
  void took(Place& place, const Reading& reading);
  void failed(Place& place, const Error& error, std::optional<std::chrono::seconds> wait);
  Result<void> read_local(Place& place);
  void offer(Value& value, const base::SecretBytes& bytes);
  void set_fault(Value& value, std::string_view why);
  void lose(Value& value);
  void drop_what_is_too_old(Place& place);
  bool is_same(const std::optional<vault::Sealed>& sealed, const base::SecretBytes& bytes) const;
  Result<base::SecretBytes> open(const vault::Sealed& sealed) const;
  ValueState state_of(const Value& value) const;
  Reader* reader_of(vault::SourceKind kind) const noexcept;
  std::chrono::milliseconds keep_of(vault::SourceKind kind) const noexcept;
  Value* find(std::string_view from) const noexcept;
  // Tells what came of `change`.
  template <class Change>
  void reporting(Value& value, Change&& change);

  const Options options_;
  const http::FetchSurroundings around_;
  vault::ProcessKey& key_;
  vault::SecretSources& secrets_;
  std::unique_ptr<Reader> vault_, aws_;
  std::map<std::string, std::unique_ptr<Value>, std::less<>> values_;  // by `from`
  std::map<std::string, std::unique_ptr<Place>, std::less<>> places_;  // by kind and place
  SourceCounts counts_{};
  Hooks hooks_;  // none before start()
  net::Timer timer_;
};

}  // namespace claviger::sources
