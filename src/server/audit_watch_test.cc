// SPDX-License-Identifier: Apache-2.0
#include "server/audit_watch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/file.h"
#include "base/testing/fake_clock.h"

namespace claviger::server {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AuditWatch, SaysOnceWhatIsWrongAndOnceThatItIsOver) {
  base::testing::FakeClock clock;
  const base::Descriptor nowhere("/dev/null", O_WRONLY);
  telemetry::Log log(telemetry::Level::kInfo, nowhere.number(), clock);
  std::vector<std::string> events;
  AuditWatch watch(clock, log, [&](audit::Event event) { events.push_back(std::move(event).text()); });
  audit::LogState state;
  watch.look(state);
  state.failing = true;
  state.failure = "cannot write x: No space left on device";
  watch.look(state);
  watch.look(state);
  clock.advance(1500ms);
  state.is_low_on_space = true;
  state.free_bytes = 7;
  state.bytes = 9;
  watch.look(state);
  state.failing = false;
  state.failure.clear();
  watch.look(state);
  state.is_low_on_space = false;
  state.free_bytes = 70;
  watch.look(state);
  watch.look(state);
  EXPECT_THAT(events,
              ElementsAre(HasSubstr(R"("audit.failing","reason":"cannot write x: No space left on device"})"),
                          HasSubstr(R"("audit.low_on_space","free_bytes":7,"log_bytes":9})"),
                          HasSubstr(R"("audit.recovered","after_ms":1500})"),
                          HasSubstr(R"("audit.space_regained","free_bytes":70,"log_bytes":9})")));
}

}  // namespace
}  // namespace claviger::server
