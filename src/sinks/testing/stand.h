// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audit/testing/sample_log.h"
#include "audit/testing/test_signer.h"
#include "base/file.h"
#include "net/testing/loop_fixture.h"
#include "net/testing/skipping_clock.h"
#include "sinks/sink.h"
#include "sinks/testing/peers.h"
#include "telemetry/log.h"

namespace claviger::sinks::testing {

// A log of a test's own, and what sinks need. Time passes as fast as the loop turns.
class Stand {
 public:
  Stand()
      : loop(clock),
        resolver(*net::Resolver::create(loop.loop())),
        log(telemetry::Level::kError, null_.number(), clock) {}

  // Events of one more segment, with a checkpoint after each `every` and at the end; all of it may be sent.
  void write_log(std::uint64_t events, std::uint64_t every) {
    audit::testing::write_sample_log(directory.path(), signer_, events, every);
    extent.synced += events;
    extent.checkpointed = extent.synced;
  }

  // Makes of the log's one segment two, the second beginning with event `at`, as if it had been rotated there.
  void split_log(std::uint64_t at) {
    const auto lines = audit::testing::lines_of(audit::testing::read_file(segment(0, "jsonl")));
    const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(at);
    audit::testing::write_file(segment(at, "jsonl"), audit::testing::joined({middle, lines.end()}));
    audit::testing::write_file(segment(0, "jsonl"), audit::testing::joined({lines.begin(), middle}));
    std::string before, behind;
    for (const auto& each : *audit::read_checkpoints_after(directory.path(), 0, 1000))
      (each.size <= at ? before : behind) += each.note + "\n";
    audit::testing::write_file(segment(0, "checkpoints"), before);
    audit::testing::write_file(segment(at, "checkpoints"), behind);
  }
  void prune_first_segment() const {
    for (const char* each : {"jsonl", "checkpoints", "leaves"}) std::filesystem::remove(segment(0, each));
  }

  Peer::Surroundings around() { return {loop.loop(), *resolver, buffers}; }

  std::unique_ptr<Sink> make_sink(std::unique_ptr<Outlet> outlet, std::size_t batch = std::size_t{1} << 20) {
    return std::make_unique<Sink>(
        SinkSurroundings{
            .loop = loop.loop(),
            .log_directory = directory.path(),
            .origin = audit::testing::kSampleOrigin,
            .extent = [this] { return extent; },
            .record = [this](audit::Event event) { recorded.push_back(std::move(event).text()); },
            .log = log,
            .chance = [] { return 0.5; }},
        "any", "test", batch, std::move(outlet));
  }

  // Lets time pass, a tenth of a second with each turn, until it is so. False when it will not be.
  bool pass_until(const std::function<bool()>& done, Peer* peer = nullptr,
                  std::chrono::milliseconds step = std::chrono::milliseconds(100)) {
    for (int turns = 0; turns < 3000; ++turns) {
      if (peer != nullptr) peer->serve();
      if (done()) return true;
      loop.loop().turn(std::chrono::milliseconds(1));
      clock.skip(step);
    }
    return false;
  }
  void pass(std::chrono::seconds time, Peer* peer = nullptr) {
    const Monotonic end = clock.monotonic() + time;
    (void)pass_until([&] { return clock.monotonic() >= end; }, peer, std::chrono::milliseconds(400));
  }

  std::string segment(std::uint64_t first, const std::string& suffix) const {
    std::string digits = std::to_string(first);
    return directory.path(std::string(20 - digits.size(), '0') + digits + "." + suffix);
  }

  audit::testing::TemporaryDirectory directory;
  net::testing::SkippingClock clock;
  net::testing::LoopFixture loop;
  std::unique_ptr<net::Resolver> resolver;
  net::BufferPool buffers;
  LogExtent extent;
  std::vector<std::string> recorded;  // events for the log

 private:
  audit::testing::TestSigner signer_;
  const base::Descriptor null_{"/dev/null", O_WRONLY};

 public:
  telemetry::Log log;
};

}  // namespace claviger::sinks::testing
