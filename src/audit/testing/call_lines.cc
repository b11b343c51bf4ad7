// SPDX-License-Identifier: Apache-2.0
#include "audit/testing/call_lines.h"

#include <fmt/format.h>

#include <chrono>

#include "base/parse.h"

namespace claviger::audit::testing {

std::string call_line(std::uint64_t number) {
  const std::string time =
      base::format_rfc3339(WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)) +
                           std::chrono::milliseconds(number * 10));
  if (number % 10 == 9)
    return fmt::format(
        R"({{"v":1,"time":"{}","type":"credential.changed","actor":"p{}","key_id":"key{}","address":"192.0.2.7","request_id":"{:032x}","kind":"credential","name":"c{}","revision":{},"before":{{"kind":"credential","name":"c0","upstream":"u1"}},"after":{{"upstream":"u2"}},"outbox":{}}})"
        "\n",
        time, number % 5, number % 5, number, number % 3, number, number + 1);
  return fmt::format(
      R"({{"v":1,"time":"{}","type":"call.finished","request_id":"{:032x}","principal":"p{}","auth":"api_key","key_id":"key{}","address":"192.0.2.{}","upstream":"u{}","method":"POST","path":"/u/v1/chat/\"p1\"/completions","decision":"{}","grant":"p:u","credential":"c{}","credential_version":1,"status":{},"code":"ok","bytes_in":1000,"bytes_out":20000,"duration_us":123456,"reused":true}})"
      "\n",
      time, number, number % 5, number % 5, number % 250, number % 3, number % 41 == 0 ? "denied" : "allowed",
      number % 3, number % 97 == 0 ? 503 : 200);
}

std::string call_lines(std::uint64_t begin, std::uint64_t end) {
  std::string lines;
  for (; begin < end; ++begin) lines += call_line(begin);
  return lines;
}

}  // namespace claviger::audit::testing
