// SPDX-License-Identifier: Apache-2.0
// A log that keeps nothing, for `claviger_null_audit` alone: what is left of a call's cost without its audit event.
// Linked before the audit module, it stands in for Log::open() and write_call_event().

#include <array>

#include "audit/event.h"
#include "audit/log.h"

namespace claviger::audit {
namespace {

class NullLane final : public Lane {
 public:
  bool has_room(Monotonic) const noexcept override { return true; }
  std::span<char> room() noexcept override { return room_; }
  void added(std::size_t, std::uint64_t, CallMark) noexcept override { ++appended_; }
  void hurry() noexcept override {}
  std::uint64_t appended() const noexcept override { return appended_; }
  std::uint64_t synced() const noexcept override { return appended_; }
  bool is_failing() const noexcept override { return false; }

 private:
  std::array<char, kMaxEvent> room_{};
  std::uint64_t appended_ = 0;
};

class NullLog final : public Log {
 public:
  Lane& make_lane(LaneOptions /*options*/) override {
    return *lanes_.emplace_back(std::make_unique<NullLane>());
  }
  LogState state() const override { return {}; }
  std::uint64_t last_outbox() const noexcept override { return 0; }
  std::string verifier_key() const override { return "none"; }
  std::string verifier_key_of(const crypto::Ed25519PublicKey&) const override { return "none"; }
  Result<void> check_rotation() const override {
    return Error(Code::kUnavailable, Blame::kOperator, "nothing is kept, so there is no key");
  }
  void rotate_key(Signer&) override {}
  bool is_rotating_key() const noexcept override { return false; }

 private:
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace

Result<std::unique_ptr<Log>> Log::open(LogOptions, Signer&, const Clock&, Signer*) {
  return std::unique_ptr<Log>(std::make_unique<NullLog>());
}

std::size_t write_call_event(std::span<char, Lane::kMaxEvent>, const telemetry::AccessRecord&) noexcept {
  return 0;
}

std::size_t write_call_started(std::span<char, Lane::kMaxEvent>, const telemetry::AccessRecord&) noexcept {
  return 0;
}

}  // namespace claviger::audit
