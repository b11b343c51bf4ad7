// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "audit/event.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/buffer.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "sinks/log_tail.h"
#include "sinks/options.h"
#include "sinks/sink.h"
#include "telemetry/log.h"
#include "vault/source.h"

namespace claviger::sinks {

// What sinks need of the gateway.
struct SinksParts {
  std::string log_directory;
  std::string origin;  // of the log
  std::string user_agent;
  std::function<LogExtent()> extent;  // any thread; no more once log_is_closing() returned
  std::function<void(audit::Event)>
      record;  // for the log; called on the sinks' thread, no more once this is gone
  vault::SecretSources& secrets;  // for the length of create()
  const Clock& clock;  // outlives them
  telemetry::Log& log;  // outlives them
};

// The sinks of the audit log, each tailing its files at its own pace: a reader of the log like any other, which calls know nothing
// of.
//
// Owns: one thread for all of them (SCHED_BATCH and nice: it takes no worker's time), its loop and resolver. A sink waits in no
// system call for a peer or a pipe; for this machine's disks it does.
// Threads: the control thread's, where nothing else is said.
class Sinks {
 public:
  // kInvalid names the sink whose CA, certificate or secret is no good.
  static Result<std::unique_ptr<Sinks>> create(const SinkList& options, SinksParts parts);
  // The log is closed by now: gives those that are not failing 2 s to send the end of it, saves positions and joins.
  ~Sinks();
  Sinks(const Sinks&) = delete;
  Sinks& operator=(const Sinks&) = delete;

  void start();
  // Files are opened anew.
  void reopen();
  // The log is about to go: it is asked no more, and gets no events.
  void log_is_closing();

  // Threads: any.
  std::vector<SinkState> states() const;

 private:
  Sinks(SinksParts parts, std::unique_ptr<net::Loop> loop, std::unique_ptr<net::Resolver> resolver);
  Result<std::unique_ptr<Outlet>> make_outlet(const SinkOptions& options, vault::SecretSources& secrets);
  void add(const SinkOptions& options, std::unique_ptr<Outlet> outlet);
  LogExtent extent() const;
  void run();
  void finish();
  void end_once_at_rest(Monotonic latest);

  const SinksParts parts_;
  const std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Resolver> resolver_;
  net::BufferPool buffers_;

  mutable std::mutex extent_mutex_;
  std::function<LogExtent()> extent_;
  bool is_closing_ = false;

  std::vector<std::unique_ptr<Sink>> sinks_;
  std::unique_ptr<net::Timer> ending_;
  std::thread thread_;
};

// Prometheus text: families of their own, behind others'.
std::string expose(const std::vector<SinkState>& states);
// A JSON array of objects, for `claviger status`.
std::string to_json(const std::vector<SinkState>& states);

}  // namespace claviger::sinks
