// SPDX-License-Identifier: Apache-2.0
#include "gateway/whole_body.h"

namespace claviger::gateway {
namespace {

constexpr int kReadsBeforeYield = 16;
// Of the room that all bodies of the worker have: from there on a caller has no more calls that hold one than its share.
constexpr std::size_t kScarce = kMostHeldByWorker / 4 * 3;
constexpr std::size_t kShare = 8;
constexpr std::string_view kLeave = "HTTP/1.1 100 Continue\r\n\r\n";

// A caller whose body is being read.
class Reading final : public Interruptible {
 public:
  Reading(http::ServerConnection& caller, Interruption& interruption) noexcept
      : caller_(caller), interruption_(interruption) {
    interruption_.waits_in(this);
  }
  ~Reading() { interruption_.waits_in(nullptr); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

 private:
  void interrupt(Interrupted why) noexcept override {
    if (why == Interrupted::kTakenBack) caller_.abort();
    caller_.interrupt_body();
  }
  http::ServerConnection& caller_;
  Interruption& interruption_;
};

Error too_large() {
  return Error(Code::kTooLarge, Blame::kCaller,
               "this upstream's credential signs the body, and so takes one of 1 MiB at most");
}

// So that one caller, who may send as slowly as it likes, does not keep all others from having theirs held.
bool has_its_share(const Worker& worker, const Call& call) noexcept {
  return worker.held_bodies >= kScarce &&
         worker.active_calls.count(call.principal->name, call.upstream->pool_key, kShare) >= kShare;
}

Error no_room() {
  return Error(Code::kUnavailable, Blame::kGateway,
               "the bodies of other calls take all the room there is for those that have to be held");
}

Result<void> keep(BodyCopy& body, std::string_view piece) {
  switch (body.add(piece)) {
    case BodyCopy::Added::kKept:
      return ok();
    case BodyCopy::Added::kTooLarge:
      return too_large();
    case BodyCopy::Added::kNoRoom:
      break;
  }
  return no_room();
}

}  // namespace

net::Task<Result<void>> take_whole_body(Worker& worker, http::ServerConnection& caller, const Call& call,
                                        BodyCopy& body, Interruption& interruption) {
  body.begin(kMostDigested);
  if (call.head->framing == http::Framing::kLength && call.head->content_length > kMostDigested)
    co_return too_large();
  const Reading reading(caller, interruption);
  if (call.head->expects_continue && call.head->minor == 1) {
    http::HeadWriter leave(caller.head_room());
    leave.append(kLeave);
    caller.wrote_interim(leave.size());
    CLV_CO_TRY_VOID(co_await caller.flush());
  }
  for (int reads = 1; !caller.body_is_done(); ++reads) {
    const std::string_view piece = CLV_CO_TRY(co_await caller.read_body());
    if (has_its_share(worker, call)) co_return no_room();
    CLV_CO_TRY_VOID(keep(body, piece));
    if (reads % kReadsBeforeYield == 0) co_await worker.loop.yield();
  }
  body.end();
  co_return ok();
}

}  // namespace claviger::gateway
