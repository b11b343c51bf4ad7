// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/note.h"
#include "base/clock.h"
#include "base/result.h"

namespace claviger::audit {

// The keys that a log was signed with, one after the other: what stands in key.pub, oldest first. All have one name, the
// log's origin, and the last one signs. Errors are kInvalid.
class KeyChain {
 public:
  static constexpr std::size_t kMostKeys = 1000;
  static constexpr std::size_t kMaxText = std::size_t{256} << 10;

  explicit KeyChain(VerifierKey first) { keys_.push_back(std::move(first)); }
  // Of key.pub: verifier keys, a line each, none of them twice.
  static Result<KeyChain> parse(std::string_view text);

  const std::string& origin() const noexcept { return keys_.front().name; }
  const VerifierKey& first() const noexcept { return keys_.front(); }
  const VerifierKey& current() const noexcept { return keys_.back(); }
  std::span<const VerifierKey> keys() const noexcept { return keys_; }
  bool has(const VerifierKey& key) const noexcept;

  // From now on `key` is the one that signs.
  Result<void> add(VerifierKey key);
  // As key.pub has it.
  std::string text() const;

  bool operator==(const KeyChain&) const = default;

 private:
  std::vector<VerifierKey> keys_;  // at least one
};

// The event by which one key hands over to the next. It counts once a checkpoint of `from` covers it: from the next checkpoint on
// `to` signs. An event that no such checkpoint follows means nothing, and one that says the same again says nothing new
// (a crash came in between).
struct KeyRotated {
  VerifierKey from;
  VerifierKey to;
  bool operator==(const KeyRotated&) const = default;
};
std::string key_rotated_event(WallTime time, const KeyRotated& rotated);
// Nothing for any other line, and for one of the kind that does not name two keys of one log. Costs a comparison for the others.
std::optional<KeyRotated> find_key_rotated(std::string_view line);

// Which key has to have signed a checkpoint, for whoever reads a log from front to end: a key signs from where an
// event and the key before it say so, and the one before never again.
//
//   for each checkpoint, in the order of sizes:
//     auto checkpoint = CLV_TRY(walk.open(note));
//     for each line up to checkpoint.size: walk.pass(line, number);
//     // compare roots
//
// Opening checkpoints ahead of the lines between them and the last one is fine. Threads: one at a time.
class KeyWalk {
 public:
  // `listed`: the keys that are known beforehand (key.pub, or the one that was given). It begins at the first of them. Those
  // that are not listed are learned from events.
  // `begins_late`: the log was pruned. Then the first checkpoint may be of any listed key.
  explicit KeyWalk(KeyChain listed, bool begins_late = false);

  // A line of the log, in order.
  void pass(std::string_view line, std::uint64_t number);
  // The next checkpoint, in order. kInvalid when the key that was current there did not sign it.
  Result<Checkpoint> open(std::string_view note);

  // A checkpoint from elsewhere, of a log that was walked to its end: signed by the key that was current at its size.
  Result<Checkpoint> open_elsewhere(std::string_view note) const;

  // Those that signed, in order.
  std::vector<VerifierKey> signers() const;
  // Whether `key` signed a checkpoint that was opened. All others of signers() are then as good: the keys before it, since
  // its checkpoint covers all that they signed, the events that end them among it; those after it by the event that it
  // signed itself.
  bool has_signed(const VerifierKey& key) const noexcept;
  // What signs now, as far as the log was walked.
  const VerifierKey& current() const noexcept { return keys_[at_]; }
  const std::string& origin() const noexcept { return keys_.front().name; }

 private:
  struct Handover {
    VerifierKey to;
    std::uint64_t event = 0;
  };
  struct Reign {
    VerifierKey key;
    std::uint64_t first = 0;  // sizes of its checkpoints
    std::uint64_t last = 0;
  };
  void begin_at(const VerifierKey& key) noexcept;
  bool is_listed_next(const VerifierKey& key) const noexcept;
  Result<Checkpoint> open_first(std::string_view note);
  void signed_by(const VerifierKey& key, std::uint64_t size);

  std::vector<VerifierKey> keys_;
  std::size_t at_ = 0;  // of keys_: current
  bool begins_late_;
  std::optional<Handover> handover_;  // by the current key, to the next
  std::vector<Reign> reigns_;
};

}  // namespace claviger::audit
