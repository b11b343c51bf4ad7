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

enum class Durability : std::uint8_t {
  kGroup,   // a call waits for nothing: its event is synced within the window
  kStrict,  // a call's start is synced before its first byte goes upstream
};

struct LogOptions {
  std::string directory;   // made (0700) when it is not there
  std::string origin;      // of a new log, "claviger/<instance>": checkpoints begin with it
  Durability durability = Durability::kGroup;
  std::chrono::milliseconds window{
      100};       // group mode: events are synced this long after they were appended, at the latest
  std::chrono::milliseconds stalled_after{
      1000};  // lanes have no room when something has been unsynced for so long
  std::size_t lane_bytes = std::size_t{4} << 20;  // what may lie in a lane when has_room() turns false
  std::uint64_t checkpoint_events = 65536;     // a checkpoint after so many events,
  std::chrono::milliseconds checkpoint_interval{
      std::chrono::seconds(2)};  // or this long after the first without one
  std::uint64_t segment_bytes = std::uint64_t{256} << 20;  // a new segment when one has so much text,
  std::chrono::milliseconds segment_age{std::chrono::hours(24)};  // or its first event is so old
  std::chrono::milliseconds retain_age{
      std::chrono::days(365)};     // segments whose last event is older are pruned; 0: never
  std::uint64_t retain_bytes = 0;  // the oldest segments are pruned while the log takes more; 0: no limit
  std::uint64_t reserve_bytes = std::uint64_t{256}
                                << 20;  // lanes for calls have no room while the disk has less left
};

// What a look at the log from outside says (readiness, status, metrics).
struct LogState {
  std::uint64_t size = 0;         // events in the log, synced
  std::uint64_t checkpointed = 0; // of them under the last checkpoint
  std::uint64_t queued = 0;       // in the lanes
  std::chrono::milliseconds lag{0};  // age of the oldest that is not synced
  bool is_stalled = false;        // it is older than LogOptions::stalled_after
  bool failing = false;           // the last attempt to write or sync did not succeed
  std::string failure;            // why: "cannot write <file>: No space left on device"
  std::uint64_t first_event = 0;  // the oldest that is kept
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;        // what the kept segments take: text, hashes and checkpoints
  std::uint64_t free_bytes = 0;   // that the disk has left for us
  bool is_low_on_space = false;   // less than the reserve
  std::string upkeep_failure;  // why there is no new segment, or an old one cannot be pruned; stops nothing
};

// The transparency log (docs/formats/audit.md): JSON lines whose hashes are the leaves of an RFC 6962 Merkle
// tree, and signed checkpoints (C2SP tlog-checkpoint).
//
// Owns: the writer thread, the lanes, the files. A failing disk is tried again, forever, and loses nothing that lies in
// the lanes; the lanes' owners see it in has_room().
// Threads: any, where nothing else is said.
class Log {
 public:
  // Opens or makes the log, brings it in order after a crash (a torn last line is cut off; everything behind the last
  // checkpoint is hashed anew) and starts the writer. kInvalid when what is there is not the log that its last
  // checkpoint says, naming the place: nothing is appended to a log that was tampered with. kUnavailable when
  // the directory cannot be used.
  // `clock`: asked from the writer's thread and the lanes' too.
  // `next`: the key that `signer` hands over to; a rotation to it was begun, and goes on by itself (see rotate_key()).
  static Result<std::unique_ptr<Log>> open(LogOptions options, Signer& signer, const Clock& clock,
                                           Signer* next = nullptr);
  virtual ~Log() =
      default;  // writes, syncs and checkpoints what is in the lanes, bounded by 5 s when the disk fails

  // A lane for one thread. They stay the log's, and are good until it goes. Control thread.
  virtual Lane& make_lane(LaneOptions options = {}) = 0;

  virtual LogState state() const = 0;
  // The highest entry of the store's outbox that the log holds (as found at opening; 0 for none).
  virtual std::uint64_t last_outbox() const noexcept = 0;
  // The public key that signs now, as a signed-note verifier key: "<name>+<hash>+<base64>"; and as what another one would be
  // known to the log's verifiers.
  virtual std::string verifier_key() const = 0;
  virtual std::string verifier_key_of(const crypto::Ed25519PublicKey& key) const = 0;

  // Whether rotate_key() may be called. kConflict while another rotation is under way, kUnavailable while the log cannot be
  // written, kInvalid when the log has had too many keys.
  virtual Result<void> check_rotation() const = 0;
  // Hands the log over to the key of `next`, which outlives the log: the old key signs the event that says so, the new one signs from
  // then on. Takes a few syncs, or as long as the disk fails; after a crash open() has to be given both keys.
  // Until is_rotating_key() is false the old one is needed. Requires: check_rotation() says that it may. Control thread.
  virtual void rotate_key(Signer& next) = 0;
  virtual bool is_rotating_key() const noexcept = 0;
};

}  // namespace claviger::audit
