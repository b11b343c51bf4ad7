// SPDX-License-Identifier: Apache-2.0
#include "cli/status_text.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace claviger::cli {
namespace {

std::string text_of(std::string_view json) {
  return status_text("https://127.0.0.1:9443", *base::parse_json(json, "test"));
}

TEST(StatusText, SaysWhatNeedsAttention) {
  const std::string text = text_of(
      R"({"version":"0.1.0","revision":7,"ready":true,"notices":[{"kind":"credential","name":"main","what":"unbound"}],)"
      R"("audit":{"size":10,"checkpointed":8,"queued":1,"lag_ms":3,"failing":true,"failure":"disk \u001b[2J full"}})");
  EXPECT_TRUE(text.contains("ready        yes\n")) << text;
  EXPECT_TRUE(text.contains("10 events, 8 of them under a signed checkpoint; 1 not on disk yet (3 ms)"))
      << text;
  EXPECT_TRUE(text.contains("FAILING: disk \\x1b[2J full")) << text;
  EXPECT_TRUE(text.contains("notices      credential/main: unbound\n")) << text;
}

TEST(StatusText, SaysHowSinksAre) {
  const std::string text = text_of(
      R"({"sinks":[{"name":"siem","type":"webhook","next_event":7,"behind_events":5,"behind_seconds":61,"sent":7,)"
      R"("failed":3,"lost":0,"failing":true,"failure":"the receiver answers 503"}]})");
  EXPECT_TRUE(text.contains(
      "sink         siem (webhook): 5 events behind (61 s), 7 sent, 3 attempts failed, 0 lost\n"))
      << text;
  EXPECT_TRUE(text.contains("FAILING: the receiver answers 503")) << text;
}

TEST(StatusText, IsReadableWithoutMostOfIt) {
  EXPECT_TRUE(text_of("{}").contains("ready        NO\n"));
  EXPECT_TRUE(text_of("{}").contains("notices      none\n"));
}

}  // namespace
}  // namespace claviger::cli
