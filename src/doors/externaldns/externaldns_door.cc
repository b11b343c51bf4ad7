// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/externaldns_door.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "doors/externaldns/webhook_request.h"

namespace claviger::doors::externaldns {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// ExternalDNS waits for 15 s, and exits then. Half a second is for the way of the answer.
constexpr milliseconds kClientPatience{14'500};
constexpr seconds kMostPatience{20};
constexpr std::size_t kMostHeld = 2 * kMostWebhookBody;
constexpr std::size_t kMostListings = 2;
constexpr milliseconds kPoll{20};
constexpr unsigned kLinesASecond = 10;
constexpr std::size_t kMostShown = 1024;  // of what others wrote, in a line
constexpr unsigned kRefusalsAMinute = 10;
// How often it is asked whether DNS can be reached while nobody else finds out.
constexpr seconds kCheckGood{60}, kCheckFirst{1}, kCheckMost{30};
// And what was left behind is tried again.
constexpr seconds kTidyFirst{2}, kTidyMost{60};
constexpr std::size_t kMostLeftBehind = std::size_t{4} << 20;  // bytes: some 10,000 records
constexpr std::size_t kTidiedAtOnce =
    4;  // which are looked at one by one, and not with their zone as a whole

Error unavailable(std::string what) {
  return Error::formatted(Code::kUnavailable, Blame::kGateway, std::move(what));
}

// What is refused for good is ExternalDNS's, or whoever's who wants it; all else passes.
Error why_not_whole(const Applied& applied) {
  if (applied.failed + applied.left > 0) return unavailable(applied.reason);
  return Error::formatted(Code::kBadRequest, Blame::kCaller, applied.reason);
}

std::size_t size_of(const Endpoint& endpoint) noexcept {
  constexpr std::size_t kAround = 256;  // the rest of it
  std::size_t bytes = kAround + 2 * endpoint.dns_name.size();  // once more in a label
  for (const std::string& target : endpoint.targets) bytes += kAround / 4 + target.size();
  return bytes;
}

bool is_connection_gone(Code code) noexcept {
  return code == Code::kClosed || code == Code::kCancelled || code == Code::kIo;
}

}  // namespace

// What requests go by from one reload to the next.
struct ExternalDnsDoor::Instance {
  ProviderOptions options;
  std::optional<Provider> provider;
};

// Counts for as long as it lives.
class ExternalDnsDoor::Under {
 public:
  Under(std::size_t& cell, std::size_t by) noexcept : cell_(cell), by_(by) { cell_ += by_; }
  ~Under() { cell_ -= by_; }
  Under(const Under&) = delete;
  Under& operator=(const Under&) = delete;

 private:
  std::size_t& cell_;
  std::size_t by_;
};

ExternalDnsDoor::ExternalDnsDoor(DoorServices services, ProviderOptions options)
    : services_(std::move(services)) {
  use(std::move(options));
}

ExternalDnsDoor::~ExternalDnsDoor() = default;

void ExternalDnsDoor::use(ProviderOptions options) {
  const auto before = std::exchange(instance_, std::make_shared<Instance>());
  instance_->options = options;
  instance_->provider.emplace(std::move(options), services_.calls, services_.loop, hooks());
  if (before != nullptr) instance_->provider->take_over(*before->provider);
  check_again_ = seconds(0);
}

ProviderHooks ExternalDnsDoor::hooks() {
  return {.record_changed = [this](const RecordChange& change) { record(change); },
          .zone_made = [this](const ZoneMade& made) { note_made(made); },
          .warned =
              [this](std::string_view what) {
                if (may_log())
                  services_.log.warning("dns_door_warning", {{"door", services_.name}, {"detail", what}});
              }};
}

// --- What is told ----------------------------------------------------------------------------------

void ExternalDnsDoor::record(const RecordChange& change) {
  services_.stats.changed(change.outcome);
  if (change.outcome == Outcome::kUnchanged) return;
  if (change.outcome != Outcome::kLeft && services_.log.enabled(telemetry::Level::kDebug))
    services_.log.debug("dns_record", {{"door", services_.name},
                                       {"request_id", change_id_},
                                       {"record", change.name.substr(0, kMostShown)},
                                       {"record_type", change.type.substr(0, kMostShown)},
                                       {"before", change.before.substr(0, kMostShown)},
                                       {"after", change.after.substr(0, kMostShown)},
                                       {"outcome", outcome_name(change.outcome)},
                                       {"reason", change.reason}});
  if (!services_.append || !is_recorded(change.outcome)) return;
  services_.append(change_event(context(), change));
}

ChangeContext ExternalDnsDoor::context() const {
  return {.time = services_.loop.wall_now(),
          .door = services_.name,
          .principal = services_.principal,
          .request_id = change_id_};
}

void ExternalDnsDoor::note_made(const ZoneMade& made) {
  services_.log.info("dns_zone_created",
                     {{"door", services_.name}, {"request_id", change_id_}, {"zone", made.zone}});
  if (services_.append) services_.append(zone_event(context(), made));
}

// So many in a minute; the rest are counted in with the next one that is told.
void ExternalDnsDoor::record_refusals(const Applied& applied) {
  const Monotonic now = services_.loop.now();
  if (now - minute_began_ >= std::chrono::minutes(1)) {
    minute_began_ = now;
    refusals_told_ = 0;
  }
  refusals_untold_ += applied.refused;
  if (refusals_told_ == kRefusalsAMinute) return;
  ++refusals_told_;
  services_.append(refusal_event(context(), std::exchange(refusals_untold_, 0), applied.reason));
}

// Of a set of which nothing came, as whoever can reach the door can send as many as he likes, not each has a line.
void ExternalDnsDoor::note_applied(const Applied& applied) {
  if (services_.append && applied.refused > 0) record_refusals(applied);
  const bool is_something = applied.done + applied.failed > 0;
  if (!is_something && !may_log()) return;
  services_.log.info("dns_changes", {{"door", services_.name},
                                     {"request_id", change_id_},
                                     {"done", applied.done},
                                     {"unchanged", applied.unchanged},
                                     {"dry_run", applied.dry_run},
                                     {"refused", applied.refused},
                                     {"failed", applied.failed},
                                     {"left", applied.left}});
}

// Ten lines a second at the most: whoever can reach the door can be refused as often as he likes.
bool ExternalDnsDoor::may_log() noexcept {
  const Monotonic now = services_.loop.now();
  if (now - second_began_ >= seconds(1)) {
    second_began_ = now;
    lines_ = 0;
  }
  return ++lines_ <= kLinesASecond && services_.log.can_write();
}

void ExternalDnsDoor::note_refusal(const Visit& visit, WebhookCall call, std::string_view reason) {
  if (!may_log()) return;
  services_.log.warning("dns_door_refused", {{"door", services_.name},
                                             {"request_id", visit.id()},
                                             {"call", call_name(call)},
                                             {"status", visit.status},
                                             {"reason", reason}});
}

// The first word, and each that is another than the last, is for the log.
void ExternalDnsDoor::reached(const Result<void>& outcome) {
  const bool is_ready = outcome.has_value();
  const bool is_new = check_again_.count() == 0 || is_ready != was_ready_;
  services_.stats.reached(is_ready ? std::string() : std::string(outcome.error().what()));
  check_again_ = is_ready ? kCheckGood
                          : std::clamp(was_ready_ ? kCheckFirst : 2 * check_again_, kCheckFirst, kCheckMost);
  was_ready_ = is_ready;
  checked_ = services_.loop.clock().monotonic();
  if (!is_new) return;
  if (is_ready) return services_.log.info("dns_door_ready", {{"door", services_.name}});
  services_.log.warning("dns_door_not_ready", {{"door", services_.name}, {"reason", outcome.error().what()}});
}

// Registry's records of what is gone: ExternalDNS does not ask for them again.
void ExternalDnsDoor::leave_behind(std::vector<Endpoint> orphans, std::string_view request_id) {
  if (orphans.empty()) return;
  std::set<std::string, std::less<>> known;
  for (const Endpoint& orphan : left_behind_) known.insert(orphan.dns_name);
  left_behind_by_ = request_id;
  if (left_behind_.empty()) tidy_at_ = services_.loop.now() + kTidyFirst;
  for (Endpoint& orphan : orphans) {
    if (left_behind_bytes_ + size_of(orphan) > kMostLeftBehind || !known.insert(orphan.dns_name).second)
      continue;
    left_behind_bytes_ += size_of(orphan);
    left_behind_.push_back(std::move(orphan));
  }
}

// What is asked for anew is nobody's orphan.
void ExternalDnsDoor::want_again(const Changes& changes) {
  if (left_behind_.empty()) return;
  std::set<std::string_view> wanted;
  for (const Endpoint& endpoint : changes.create) wanted.insert(endpoint.dns_name);
  for (const Endpoint& endpoint : changes.update_new) wanted.insert(endpoint.dns_name);
  std::erase_if(left_behind_, [&](const Endpoint& orphan) {
    if (!wanted.contains(orphan.dns_name)) return false;
    left_behind_bytes_ -= size_of(orphan);
    return true;
  });
}

// ExternalDNS makes no owner's record where its last listing showed one: if that were deleted before its changes come, what they make
// would be nobody's. So it is done before a listing, and while nobody else is shown any.
net::Task<void> ExternalDnsDoor::tidy_up(Instance& instance) {
  while (is_tidying_) co_await net::Pause(services_.loop, kPoll);
  const bool may_tidy = !left_behind_.empty() && listings_ == 1 && change_id_.empty() &&
                        services_.loop.now() >= tidy_at_ && (!services_.may_record || services_.may_record());
  if (!may_tidy) co_return;
  const std::string request_id = left_behind_by_;
  change_id_ = request_id;
  is_tidying_ = true;
  // From the front: what is in vain goes to the back again, so that it keeps nothing from its turn.
  const auto end =
      left_behind_.begin() + static_cast<std::ptrdiff_t>(std::min(kTidiedAtOnce, left_behind_.size()));
  std::vector<Endpoint> some(std::move_iterator(left_behind_.begin()), std::move_iterator(end));
  left_behind_.erase(left_behind_.begin(), end);
  for (const Endpoint& orphan : some) left_behind_bytes_ -= size_of(orphan);
  Applied applied = co_await instance.provider->finish(std::move(some));
  note_applied(applied);
  is_tidying_ = false;
  change_id_ = {};
  const bool is_in_vain = !applied.orphans.empty();
  leave_behind(std::move(applied.orphans), request_id);
  tidy_again_ = is_in_vain ? std::clamp(2 * tidy_again_, kTidyFirst, kTidyMost) : seconds(0);
  tidy_at_ = services_.loop.now() + tidy_again_;
}

void ExternalDnsDoor::look_after() {
  const bool is_due = check_again_.count() == 0 || services_.loop.now() - checked_ >= check_again_;
  if (is_stopped_ || is_checking_ || !is_due) return;
  is_checking_ = true;
  net::spawn(check(instance_));
}

net::Task<void> ExternalDnsDoor::check(std::shared_ptr<Instance> instance) {
  const auto outcome = co_await instance->provider->check();
  is_checking_ = false;
  if (!is_stopped_ && instance == instance_) reached(outcome);
}

// --- Requests --------------------------------------------------------------------------------------

// One set of changes after the other. Who would have to wait for so long that ExternalDNS may have given up is told to come again.
net::Task<Result<void>> ExternalDnsDoor::enter(Visit& visit, const Instance& instance) {
  const Monotonic latest = visit.began + (kClientPatience - instance.options.deadline);
  while (!change_id_.empty()) {
    if (services_.loop.now() >= latest)
      co_return unavailable("another set of changes is being applied; the next one has its turn");
    co_await net::Pause(services_.loop, kPoll);
  }
  if (services_.loop.clock().monotonic() >= latest)
    co_return unavailable("the request took so long to come that no time is left to apply it");
  if (services_.may_record && !services_.may_record())
    co_return unavailable("the audit log cannot take more events at the moment");
  change_id_ = visit.id();
  co_return ok();
}

net::Task<Result<void>> ExternalDnsDoor::serve_change(Visit& visit, Instance& instance, std::string body) {
  Changes changes = CLV_CO_TRY(parse_changes(body));
  std::string().swap(body);
  if (changes.is_empty()) {
    co_await write_answer(visit, 204, {}, {});
    co_return ok();
  }
  CLV_CO_TRY_VOID(co_await enter(visit, instance));
  want_again(changes);
  Applied applied = co_await instance.provider->apply(std::move(changes));
  note_applied(applied);
  change_id_ = {};
  leave_behind(std::move(applied.orphans), visit.id());
  if (!applied.is_whole()) co_return why_not_whole(applied);
  co_await write_answer(visit, 204, {}, {});
  co_return ok();
}

net::Task<Result<void>> ExternalDnsDoor::serve_records(Visit& visit, Instance& instance) {
  if (listings_ >= kMostListings) co_return unavailable("the records are being listed by others already");
  const Under listing(listings_, 1);
  co_await tidy_up(instance);
  auto records = co_await instance.provider->records(visit.began + instance.options.deadline);
  reached(records.has_value() ? ok() : Result<void>(records.error()));
  if (!records.has_value()) co_return records.error();
  co_await write_answer(visit, 200, kWebhookType, *records);
  co_return ok();
}

net::Task<Result<void>> ExternalDnsDoor::serve(Visit& visit, WebhookCall call) {
  CLV_CO_TRY_VOID(check_types(*visit.head));
  const std::shared_ptr<Instance> instance = instance_;
  if (is_stopped_) co_return unavailable("the gateway is stopping");
  if (services_.is_shedding && services_.is_shedding())
    co_return unavailable("the gateway sheds load: it is short of memory or descriptors");
  if (call == WebhookCall::kNegotiate) {
    const DomainFilter filter = CLV_CO_TRY(co_await instance->provider->negotiate());
    std::string text;
    write_domain_filter(text, filter);
    co_await write_answer(visit, 200, kWebhookType, text);
    co_return ok();
  }
  if (call == WebhookCall::kRecords) co_return co_await serve_records(visit, *instance);
  const std::size_t wanted = visit.head->framing == http::Framing::kLength
                                 ? std::min<std::uint64_t>(visit.head->content_length, kMostWebhookBody)
                                 : kMostWebhookBody;
  if (wanted > kMostHeld - held_) co_return unavailable("too many large requests are being read at once");
  const Under held(held_, wanted);
  std::string body = CLV_CO_TRY(co_await read_body(visit, kMostWebhookBody, visit.began + kClientPatience));
  if (call == WebhookCall::kApply) co_return co_await serve_change(visit, *instance, std::move(body));
  const std::string adjusted = CLV_CO_TRY(instance->provider->adjust(body));
  std::string().swap(body);
  co_await write_answer(visit, 200, kWebhookType, adjusted);
  co_return ok();
}

net::Task<void> ExternalDnsDoor::turn_away(Visit& visit, unsigned status, Error error) {
  services_.stats.refused_stranger();
  visit.caller.close_after_answer();
  co_await write_refusal(visit, status, error);
  // ExternalDNS exits at it, and does not say more than the status.
  if (may_log())
    services_.log.warning(
        "dns_door_stranger",
        {{"door", services_.name}, {"request_id", visit.id()}, {"status", status}, {"reason", error.what()}});
}

net::Task<void> ExternalDnsDoor::answer_refusal(Visit& visit, WebhookCall call, const Error& error) {
  if (is_connection_gone(error.code())) co_return visit.caller.abort();
  services_.stats.refused(call, error.code());
  if (error.code() == Code::kTimeout) visit.caller.close_after_answer();
  else co_await read_away(visit, visit.began + kClientPatience);
  co_await write_refusal(visit, 503, error);
  note_refusal(visit, call, error.what());
}

net::Task<void> ExternalDnsDoor::handle(http::ServerConnection& caller) {
  const Under visiting(visits_, 1);
  net::Loop& loop = services_.loop;
  Visit visit{.caller = caller,
              .head = &caller.head(),
              .request_id = request_ids_.next(),
              .wall = loop.wall_now(),
              .began = loop.now()};
  if (visit.head->minor == 0) caller.close_after_answer();
  // Whoever reads slowly is not waited for long after ExternalDNS has given up: it keeps a place from others.
  net::Timer end(loop);
  end.start(kMostPatience, [&caller] { caller.cancel(); });
  if (const auto allowed = check_is_no_browsers(*visit.head, services_.is_on_loopback); !allowed.has_value())
    co_return co_await turn_away(visit, 403, allowed.error());
  const auto call = find_call(*visit.head);
  if (!call.has_value())
    co_return co_await turn_away(visit, http::problem_kind(call.error().code()).status, call.error());
  caller.vouch();
  const auto outcome = co_await serve(visit, *call);
  if (!outcome.has_value()) co_await answer_refusal(visit, *call, outcome.error());
  services_.stats.answered(*call, outcome.has_value() && !caller.is_aborted(),
                           loop.clock().monotonic() - visit.began, loop.wall_now());
}

// What is no HTTP cannot be ExternalDNS's; what is too large can.
net::Task<void> ExternalDnsDoor::refuse(http::ServerConnection& caller, Error error) {
  const Under visiting(visits_, 1);
  net::Loop& loop = services_.loop;
  Visit visit{
      .caller = caller, .request_id = request_ids_.next(), .wall = loop.wall_now(), .began = loop.now()};
  const bool is_body = error.code() == Code::kTooLarge;
  if (is_body) visit.head = &caller.head();
  co_await turn_away(visit, is_body ? 503 : 400, std::move(error));
}

}  // namespace claviger::doors::externaldns
