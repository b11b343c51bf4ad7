// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/key_chain.h"
#include "audit/log_copy.h"
#include "base/result.h"
#include "crypto/merkle.h"

namespace claviger::audit {

// Notes of a file, one after the other, in bounded memory and with nothing verified.
class NoteStream {
 public:
  explicit NoteStream(std::optional<ReadOnlyFile> file) : file_(std::move(file)) {}
  // The next whole note, good until the next call; empty at the end.
  Result<std::string_view> next();
  // What stands behind the last whole note, at most kMaxNote bytes of it. After next() gave nothing.
  std::string_view rest() const noexcept {
    return std::string_view(window_).substr(begin_).substr(0, kMaxNote);
  }

 private:
  Result<void> fill();
  std::optional<ReadOnlyFile> file_;
  std::string window_;
  std::size_t begin_ = 0;
  std::uint64_t read_ = 0;
};

// A segment's files, opened. What a copy lacks is empty.
struct OpenSegment {
  NoteStream checkpoints;
  Leaves leaves;
  ReadOnlyFile text;
};

// A log, or a copy of one, as it was when this was made: what is appended later is not seen. Only the segment that was
// the last one is held open; the others do not change any more, and are opened one at a time, so that there may be thousands.
//
// Nothing is verified here but that `pruned` and `state` are signed with a key that key.pub lists (or the one that was given):
// whether that is the log's key, the log itself has to say.
class LogView {
 public:
  // `key`: a verifier key that the caller trusts; empty for none. kNotFound when there is no log; kInvalid when its parts do not go together.
  static Result<LogView> open(const std::string& directory, std::string_view key = {});

  const std::string& directory() const noexcept { return directory_; }
  // Of key.pub, or, where there is none, the one that was given.
  const KeyChain& keys() const noexcept { return keys_; }
  bool has_key_file() const noexcept { return !key_text_.empty(); }
  // That were kept, in order; at least one.
  const std::vector<Segment>& segments() const noexcept { return segments_; }
  std::uint64_t segment_end(
      std::size_t index) const noexcept;  // the next one's first event; UINT64_MAX for the last
  std::uint64_t bytes() const noexcept { return bytes_; }  // of their text
  std::uint64_t first_event() const noexcept { return pruned_.size(); }
  // Of the events before first_event(), and who signed that.
  const crypto::MerkleTree& pruned() const noexcept { return pruned_; }
  const std::optional<VerifierKey>& pruned_signer() const noexcept { return pruned_signer_; }
  // The number of events that the saved state speaks of, 0 when there is none: a checkpoint of that size was written before.
  std::uint64_t state_size() const noexcept { return state_size_; }

  // Of the last segment only once.
  Result<OpenSegment> open_segment(std::size_t index);

  // Whether somebody pruned the log or rotated its key since: then what is wrong may be for that alone.
  bool has_moved_on() const;
  // The keys that key.pub lists now.
  Result<KeyChain> keys_now() const;

 private:
  explicit LogView(std::string directory, KeyChain keys)
      : directory_(std::move(directory)), keys_(std::move(keys)) {}
  Result<void> read_pruned();
  void read_state();
  Result<void> list();
  Result<OpenSegment> open_files(std::uint64_t first_event) const;

  std::string directory_;
  KeyChain keys_;
  std::string key_text_, pruned_text_;
  crypto::MerkleTree pruned_;
  std::optional<VerifierKey> pruned_signer_;
  std::uint64_t state_size_ = 0;
  std::vector<Segment> segments_;
  std::optional<OpenSegment> last_;
  std::uint64_t bytes_ = 0;
};

// A checkpoint that somebody saved, signed by one of `keys`. kInvalid names the file.
Result<Checkpoint> read_saved_checkpoint(const std::string& path, const KeyChain& keys);
// The same for a note at hand. kInvalid when none of them signed it.
Result<Checkpoint> open_checkpoint_of(std::string_view note, const KeyChain& keys);

}  // namespace claviger::audit
