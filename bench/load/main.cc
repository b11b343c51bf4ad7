// SPDX-License-Identifier: Apache-2.0
// What wrk cannot do, for bench/run.py: handshakes, idle connections, steady callers, attacks, event streams.
// bench_load MODE --name=value...; modes.h says what each does.

#include <openssl/crypto.h>
#include <sys/resource.h>

#include <csignal>
#include <map>
#include <string_view>

#include "modes.h"

namespace {

void allow_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int count, char** values) {
  using Mode = int (*)(const bench::Arguments&);
  static const std::map<std::string_view, Mode> modes{
      {"handshakes", bench::handshakes}, {"callers", bench::callers}, {"idle", bench::idle},
      {"attack", bench::attack},         {"events", bench::events},   {"event-source", bench::event_source}};
  if (count < 2 || !modes.contains(values[1]))
    bench::die("the first argument is no mode (bench/load/modes.h)");
  std::signal(SIGPIPE, SIG_IGN);
  allow_descriptors();
  return modes.at(values[1])(bench::Arguments(count - 2, values + 2));
}
