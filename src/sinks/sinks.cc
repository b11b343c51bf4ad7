// SPDX-License-Identifier: Apache-2.0
#include "sinks/sinks.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <random>
#include <utility>

#include "sinks/file_outlet.h"
#include "sinks/peer.h"
#include "sinks/stdout_outlet.h"
#include "sinks/syslog_outlet.h"
#include "sinks/webhook_outlet.h"

namespace claviger::sinks {
namespace {

constexpr std::chrono::seconds kPatienceAtEnd{2};
constexpr std::chrono::milliseconds kLookAtEnd{50};
constexpr int kNice = 5;
constexpr std::size_t kLeastSecret = 16;
constexpr std::size_t kCheckpointsAtOnce = 256;

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : std::string();
}

Result<crypto::HmacSha256> read_hmac(const std::string& from, vault::SecretSources& secrets) {
  const auto secret = CLV_TRY(secrets.read(from));
  if (secret.size() < kLeastSecret)
    return Error(Code::kInvalid, Blame::kOperator, "hmac: the secret has fewer than 16 bytes");
  return crypto::HmacSha256::create(secret.reveal());
}

// Of a log that nobody writes: all that its files have.
LogExtent extent_of(const std::string& directory, LogExtent known) {
  const auto end = audit::log_end(directory);
  if (end.has_value()) known.synced = end->event;
  for (;;) {
    const auto more = audit::read_checkpoints_after(directory, known.checkpointed, kCheckpointsAtOnce);
    if (!more.has_value() || more->empty()) return known;
    known.checkpointed = more->back().size;
  }
}

// From 0 to less than 1.
std::function<double()> chance() {
  return [random = std::minstd_rand(std::random_device()())]() mutable {
    return std::uniform_real_distribution<double>()(random);
  };
}

}  // namespace

const char* type_name(SinkType type) noexcept {
  static constexpr std::array kNames{"file", "stdout", "syslog", "webhook"};
  return kNames[static_cast<std::size_t>(type)];
}

Sinks::Sinks(SinksParts parts, std::unique_ptr<net::Loop> loop, std::unique_ptr<net::Resolver> resolver)
    : parts_(std::move(parts)),
      loop_(std::move(loop)),
      resolver_(std::move(resolver)),
      extent_(parts_.extent) {}

Result<std::unique_ptr<Sinks>> Sinks::create(const SinkList& options, SinksParts parts) {
  auto loop = CLV_TRY(net::Loop::create(parts.clock));
  auto resolver = CLV_TRY(net::Resolver::create(*loop));
  vault::SecretSources& secrets = parts.secrets;
  std::unique_ptr<Sinks> sinks(new Sinks(std::move(parts), std::move(loop), std::move(resolver)));
  for (const SinkOptions& each : options) {
    auto outlet = sinks->make_outlet(each, secrets);
    if (!outlet.has_value()) return outlet.error().within("audit sink " + each.name);
    sinks->add(each, *std::move(outlet));
  }
  return sinks;
}

Result<std::unique_ptr<Outlet>> Sinks::make_outlet(const SinkOptions& options,
                                                   vault::SecretSources& secrets) {
  const std::string& origin = parts_.origin;
  switch (options.type) {
    case SinkType::kFile:
      return std::make_unique<FileOutlet>(origin, options.path);
    case SinkType::kStdout:
      return std::make_unique<StdoutOutlet>(origin, *loop_, STDOUT_FILENO);
    case SinkType::kSyslog:
      return std::make_unique<SyslogOutlet>(
          *loop_, *resolver_, CLV_TRY(Peer::of(options)),
          SyslogWriter(origin, host_name(), static_cast<std::uint64_t>(::getpid()), options.enterprise));
    case SinkType::kWebhook:
      break;
  }
  return std::make_unique<WebhookOutlet>(
      origin, *loop_, *resolver_, buffers_, CLV_TRY(Peer::of(options)),
      WebhookOutlet::Request{options.authority, options.target, parts_.user_agent},
      CLV_TRY(read_hmac(options.hmac, secrets)));
}

void Sinks::add(const SinkOptions& options, std::unique_ptr<Outlet> outlet) {
  sinks_.push_back(std::make_unique<Sink>(SinkSurroundings{.loop = *loop_,
                                                           .log_directory = parts_.log_directory,
                                                           .origin = parts_.origin,
                                                           .extent = [this] { return extent(); },
                                                           .record =
                                                               [this](audit::Event event) {
                                                                 const std::lock_guard lock(extent_mutex_);
                                                                 if (!is_closing_)
                                                                   parts_.record(std::move(event));
                                                               },
                                                           .log = parts_.log,
                                                           .chance = chance()},
                                          options.name, type_name(options.type), options.batch,
                                          std::move(outlet)));
}

LogExtent Sinks::extent() const {
  const std::lock_guard lock(extent_mutex_);
  return extent_();
}

void Sinks::start() {
  thread_ = std::thread([this] { run(); });
}

void Sinks::run() {
  ::pthread_setname_np(::pthread_self(), "clv-sinks");
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  // What it does is never urgent. Where that cannot be had, all works.
  const sched_param unchanged{};
  (void)::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &unchanged);
  (void)::setpriority(PRIO_PROCESS, 0, kNice);  // of this thread alone, on Linux
  loop_->post([this] {
    for (const auto& sink : sinks_) sink->start();
  });
  loop_->run();
}

void Sinks::reopen() {
  loop_->post([this] {
    for (const auto& sink : sinks_) sink->reopen();
  });
}

void Sinks::log_is_closing() {
  const std::lock_guard lock(extent_mutex_);
  is_closing_ = true;
  extent_ = [last = extent_()] { return last; };
}

Sinks::~Sinks() {
  if (!thread_.joinable()) return;
  loop_->post([this] { finish(); });
  thread_.join();
}

void Sinks::finish() {
  {
    const std::lock_guard lock(extent_mutex_);
    extent_ = [all = extent_of(parts_.log_directory, extent_())] { return all; };
  }
  for (const auto& sink : sinks_) sink->finish();
  ending_ = std::make_unique<net::Timer>(*loop_);
  end_once_at_rest(loop_->now() + kPatienceAtEnd);
}

// What lives in tasks of this thread ends on it.
void Sinks::end_once_at_rest(Monotonic latest) {
  const bool all = std::ranges::all_of(sinks_, [](const auto& sink) { return sink->is_at_rest(); });
  if (!all && loop_->now() < latest)
    return ending_->start(kLookAtEnd, [this, latest] { end_once_at_rest(latest); });
  // Behind whatever this thread is in the middle of.
  loop_->post([this] {
    sinks_.clear();
    resolver_.reset();
    loop_->stop();
  });
}

std::vector<SinkState> Sinks::states() const {
  std::vector<SinkState> states;
  for (const auto& sink : sinks_) states.push_back(sink->state());
  return states;
}

}  // namespace claviger::sinks
