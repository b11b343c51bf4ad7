// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/proof.h"
#include "base/clock.h"
#include "base/result.h"

namespace claviger::audit {

// A part of the log that goes to somebody else, with all it takes to check it there: the events of a time, the proof that
// they are in the log and that none between them is missing, the checkpoint that vouches for them, the keys and how one followed the
// other, instructions, and a program in plain Python that needs nothing else. docs/formats/audit.md has its files.

struct ExportOptions {
  std::string directory;  // of the log, or of a copy
  WallTime from, to;  // events of times from `from` up to and without `to`
  std::string out;  // what is made: a directory, or an archive when it ends in ".tar". Must not be there yet
  std::function<void(std::uint64_t bytes, std::uint64_t of)> progress;  // may be null
};

struct ExportReport {
  Span events;
  std::uint64_t bytes = 0;  // of their text
  std::uint64_t outside = 0;  // of other times, between the first and the last: somebody set the clock
  std::uint64_t not_covered = 0;  // of that time, and not under a checkpoint yet: left out
  std::vector<std::string> keys;  // verifier keys, oldest first: any of them may be trusted to check the pack
};

// Makes a pack, 0700 with files of 0600, whole or not at all, and synced. It is checked, as its receiver will, before it gets its name. Reads the
// log's text once and its hashes up to twice. Memory: bounded. kNotFound when no event under a checkpoint is of that time; kConflict when
// `out` is there; kInvalid when the log contradicts its checkpoint.
Result<ExportReport> export_pack(const ExportOptions& options);

struct PackOptions {
  std::string directory;
  std::string
      key;  // a verifier key that is known to be the log's; empty: the oldest in the pack (which proves less)
  std::function<void(std::uint64_t bytes, std::uint64_t of)> progress;  // may be null
};

struct PackReport {
  Span events;
  std::uint64_t bytes = 0;
  std::string first_time, last_time;
  std::vector<std::string> keys;
  std::string key;  // that was trusted
  bool key_was_given = false;
  std::string checkpoint;  // the signed note
};

// kInvalid names what is wrong. Works offline, in constant memory. Threads: any; blocks.
Result<PackReport> verify_pack(const PackOptions& options);

// The program that comes with each pack: src/audit/pack_verify.py.
extern const std::string_view kPackVerifyScript;

}  // namespace claviger::audit
