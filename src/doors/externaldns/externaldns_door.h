// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "doors/externaldns/change_event.h"
#include "doors/externaldns/door_stats.h"
#include "doors/externaldns/provider.h"
#include "doors/externaldns/visit.h"
#include "gateway/request_ids.h"
#include "http/serve.h"
#include "net/loop.h"
#include "net/pause.h"
#include "telemetry/log.h"

namespace claviger::doors::externaldns {

// What a door needs of the rest. All of it outlives the door.
struct DoorServices {
  std::string name;
  std::string principal;  // whose calls the door's are
  bool is_on_loopback = true;  // its listener: then nobody can have a reason to call it by another name
  net::Loop& loop;
  ApiCaller& calls;
  DoorStats& stats;
  telemetry::Log& log;
  std::function<bool()> is_shedding;  // whether the gateway is short of memory or descriptors; null: never
  std::function<bool()> may_record;           // whether the audit log takes events; null: there is none
  std::function<void(audit::Event)> append;   // into it; null likewise
};

// The door that ExternalDNS knocks at: its webhook protocol, over plain HTTP/1.1. It asks nobody who they are: where it listens is
// what keeps others out, besides browsers, which are refused.
//
// ExternalDNS exits at any answer that is neither good nor 500 to 510, and when it has waited for 15 s. So whatever is wrong with a
// request that can be one of its own is 503, with the reason in body, log and metric; strangers get what they should.
//
// Owns: the provider. Threads: its loop's.
class ExternalDnsDoor final : public http::Handler {
 public:
  ExternalDnsDoor(DoorServices services, ProviderOptions options);
  ~ExternalDnsDoor() override;

  // For requests from now on; those under way go on by what they began with.
  void use(ProviderOptions options);
  // Asks whether DNS can be reached, and notes it (DoorStats::reached()): at first at once, then when the last word on it is old.
  // To be called once a second.
  void look_after();
  // Nothing is asked any more.
  void stop() noexcept { is_stopped_ = true; }
  bool is_idle() const noexcept { return visits_ == 0 && !is_checking_ && change_id_.empty(); }

  net::Task<void> handle(http::ServerConnection& caller) override;
  net::Task<void> refuse(http::ServerConnection& caller, Error error) override;

 private:
  struct Instance;
  class Under;
  net::Task<Result<void>> serve(Visit& visit, WebhookCall call);
  net::Task<Result<void>> serve_records(Visit& visit, Instance& instance);
  net::Task<Result<void>> serve_change(Visit& visit, Instance& instance, std::string body);
  net::Task<Result<void>> enter(Visit& visit, const Instance& instance);
  net::Task<void> turn_away(Visit& visit, unsigned status, Error error);
  net::Task<void> answer_refusal(Visit& visit, WebhookCall call, const Error& error);
  net::Task<void> check(std::shared_ptr<Instance> instance);
  void want_again(const Changes& changes);
  void leave_behind(std::vector<Endpoint> orphans, std::string_view request_id);
  net::Task<void> tidy_up(Instance& instance);
  void reached(const Result<void>& outcome);
  ChangeContext context() const;
  void record(const RecordChange& change);
  void note_made(const ZoneMade& made);
  void note_applied(const Applied& applied);
  void record_refusals(const Applied& applied);
  bool may_log() noexcept;
  void note_refusal(const Visit& visit, WebhookCall call, std::string_view reason);
  ProviderHooks hooks();

  DoorServices services_;
  std::shared_ptr<Instance> instance_;
  gateway::RequestIds request_ids_;
  std::string_view
      change_id_;  // of the request whose changes are applied, or tidied up after, now; empty: none
  std::size_t visits_ = 0;
  std::size_t listings_ = 0;  // that are being put together
  std::size_t held_ = 0;  // bytes of bodies
  bool is_stopped_ = false;
  bool is_checking_ = false;
  Monotonic checked_{};
  std::chrono::seconds check_again_{0};
  bool was_ready_ = false;
  unsigned refusals_told_ = 0;  // events of them in this minute
  std::size_t refusals_untold_ = 0;
  Monotonic minute_began_{};
  std::vector<Endpoint> left_behind_;  // Applied::orphans
  std::size_t left_behind_bytes_ = 0;  // of their names and targets
  std::string left_behind_by_;  // the last request to leave some
  bool is_tidying_ = false;
  Monotonic tidy_at_{};
  std::chrono::seconds tidy_again_{0};
  Monotonic second_began_{};  // of the log's lines
  unsigned lines_ = 0;
};

}  // namespace claviger::doors::externaldns
