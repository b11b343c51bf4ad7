// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/lane.h"
#include "audit/signer.h"
#include "base/clock.h"
#include "base/result.h"

namespace claviger::audit {

struct LogOptions {
  std::string directory;   // made (0700) when it is not there
  std::string origin;      // "claviger/<instance>": first line of checkpoints, name of the key
  std::chrono::milliseconds window{
      100};       // group mode: events are synced this long after they were appended, at the latest
  std::chrono::milliseconds stalled_after{
      1000};  // lanes have no room when something has been unsynced for so long
  std::size_t lane_bytes = std::size_t{4} << 20;  // what may lie in a lane when has_room() turns false
  std::uint64_t checkpoint_events = 65536;     // a checkpoint after so many events,
  std::chrono::milliseconds checkpoint_interval{
      std::chrono::seconds(2)};  // or this long after the first without one
};

// What a look at the log from outside says (readiness, status, metrics).
struct LogState {
  std::uint64_t size = 0;         // events in the log, synced
  std::uint64_t checkpointed = 0; // of them under the last checkpoint
  std::uint64_t queued = 0;       // in the lanes
  std::chrono::milliseconds lag{0};  // age of the oldest that is not synced
  bool failing = false;           // the last attempt to write or sync did not succeed
  std::string failure;            // why: "cannot write <file>: No space left on device"
};

// The transparency log (docs/formats/audit.md): JSON lines whose hashes are the leaves of an RFC 6962 Merkle
// tree, and signed checkpoints (C2SP tlog-checkpoint).
//
// Owns: the writer thread, the lanes, the files. A failing disk is tried again, forever, and loses nothing that lies in
// the lanes; the lanes' owners see it in has_room().
// Threads: any, where nothing else is said.
class Log {
 public:
  // `clock` is asked from the writer's thread and the lanes' too. Opens or makes the log, brings it in order after a crash (a torn last line is cut off; everything behind the last
  // checkpoint is hashed anew) and starts the writer. kInvalid when what is there is not the log that its last
  // checkpoint says, naming the place: nothing is appended to a log that was tampered with. kUnavailable when
  // the directory cannot be used.
  static Result<std::unique_ptr<Log>> open(LogOptions options, Signer& signer, const Clock& clock);
  virtual ~Log() =
      default;  // writes, syncs and checkpoints what is in the lanes, bounded by 5 s when the disk fails

  // A lane for one thread. They stay the log's, and are good until it goes. Control thread.
  virtual Lane& make_lane() = 0;

  virtual LogState state() const = 0;
  // The highest entry of the store's outbox that the log holds (as found at opening; 0 for none).
  virtual std::uint64_t last_outbox() const noexcept = 0;
  // The public key as a signed-note verifier key: "<name>+<hash>+<base64>".
  virtual const std::string& verifier_key() const noexcept = 0;
};

}  // namespace claviger::audit
