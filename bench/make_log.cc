// SPDX-License-Identifier: Apache-2.0
// make_log DIRECTORY MEBIBYTES: a log of at least that size, of calls as a gateway relays them, by the gateway's own
// writer; for the benchmark of `claviger audit verify`. The key that signs it is no secret.

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <thread>

#include "audit/event.h"
#include "audit/log.h"
#include "audit/testing/test_signer.h"
#include "base/clock.h"

namespace claviger {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMost = std::uint64_t{1} << 20;  // MiB
constexpr auto kPatience = 60s;  // with a disk that takes nothing

// Calls that differ in what real ones differ in.
class Calls {
 public:
  std::size_t write_next(std::span<char, audit::Lane::kMaxEvent> room) noexcept {
    ++number_;
    auto id = number_ * 0x9e3779b97f4a7c15;  // no two alike
    for (char& digit : request_id_) {
      digit = "0123456789abcdef"[id >> 60];
      id = id << 4 | id >> 60;
    }
    telemetry::AccessRecord call;
    call.time = start_ + std::chrono::microseconds(number_ * 25);
    call.request_id = {request_id_.data(), request_id_.size()};
    call.principal = "billing-worker";
    call.auth = "api_key";
    call.key_id = "k7mPq2Zx";
    call.address = "192.0.2.17";
    call.upstream = "payments";
    call.method = "GET";
    call.path = "/payments/v1/accounts/4711/transactions";
    call.status = 200;
    call.code = "ok";
    call.grant = "billing-worker-payments";
    call.credential = "payments-main";
    call.bytes_out = 1024 + number_ % 4096;
    call.duration = std::chrono::microseconds(800 + number_ % 700);
    call.reused = true;
    return audit::write_call_event(room, call);
  }

 private:
  const WallTime start_ = SystemClock().wall();
  std::uint64_t number_ = 0;
  std::array<char, 32> request_id_{};
};

// False when the disk took nothing for a while.
bool wait_for_room(const audit::Lane& lane) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (auto now = std::chrono::steady_clock::now(); !lane.has_room(now);
       now = std::chrono::steady_clock::now()) {
    if (now > until) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

int fail(std::string_view why) {
  std::fprintf(stderr, "make_log: %.*s\n", static_cast<int>(why.size()), why.data());
  return 1;
}

int make(const char* directory, std::uint64_t bytes) {
  const SystemClock clock;
  audit::testing::TestSigner signer;
  auto log = audit::Log::open({.directory = directory, .origin = "claviger/bench"}, signer, clock);
  if (!log.has_value()) return fail(log.error().what());
  audit::Lane& lane = (*log)->make_lane();
  Calls calls;
  for (std::uint64_t made = 0; made < bytes;) {
    if (!wait_for_room(lane)) return fail((*log)->state().failure);
    const std::size_t size = calls.write_next(lane.room().first<audit::Lane::kMaxEvent>());
    lane.added(size);
    made += size + 1;
  }
  return 0;
}

int run(int count, char** arguments) {
  std::uint64_t mebibytes = 0;
  const std::string_view size = count == 3 ? arguments[2] : "";
  const auto parsed = std::from_chars(size.data(), size.data() + size.size(), mebibytes);
  if (parsed.ec != std::errc() || parsed.ptr != size.data() + size.size() || mebibytes == 0 ||
      mebibytes > kMost)
    return fail("usage: make_log DIRECTORY MEBIBYTES");
  return make(arguments[1], mebibytes << 20);
}

}  // namespace
}  // namespace claviger

int main(int count, char** arguments) { return claviger::run(count, arguments); }
