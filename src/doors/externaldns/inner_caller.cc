// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/inner_caller.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/parse.h"

namespace claviger::doors::externaldns {
namespace {

constexpr auto kLongest = std::chrono::hours(1);  // of a call that says no end
// Of an answer that comes as fast as it is read: then others have their turn, and timers theirs.
constexpr auto kLongestTurn = std::chrono::milliseconds(2);
constexpr std::size_t kMostIdle = 64;
constexpr http::HeadLimits kAnswerHead{
    .bytes = net::kBufferSize, .fields = http::kMaxFields, .target = net::kBufferSize};

bool is_visible(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

// Percent-encoded by whoever asks; anything else would make it another request.
Result<void> check(const ApiRequest& request) {
  if (!request.path.starts_with('/') || !is_visible(request.path) || request.path.contains('?'))
    return Error(Code::kInternal, Blame::kGateway, "a call's path holds what it may not hold");
  return ok();
}

std::string head_of(const ApiRequest& request, const std::string& mount) {
  std::string head = "POST ";
  head += mount;
  head += request.path;
  head += " HTTP/1.1\r\nHost: claviger\r\nAccept: application/json\r\n";
  head += "Content-Type: application/x-www-form-urlencoded\r\n";
  head += "Content-Length: " + std::to_string(request.form.size()) + "\r\n\r\n";
  return head;
}

std::string field_of(const http::ResponseHead& head, std::string_view name) {
  const http::Field* const field = head.fields.find(name);
  return field != nullptr ? std::string(field->value) : std::string();
}

ApiAnswer answer_of(const http::ResponseHead& head) {
  ApiAnswer answer;
  answer.status = head.status;
  answer.error_code = field_of(head, "X-Claviger-Error");
  answer.request_id = field_of(head, "X-Request-Id");
  const auto wait = base::parse_decimal(field_of(head, "Retry-After"), std::uint64_t{86'400});
  if (wait.has_value()) answer.retry_after = static_cast<std::uint32_t>(*wait);
  return answer;
}

// As whoever called has to tell them apart (ApiCaller::send()).
Error as_told(const Error& error, bool is_stopped, bool is_late) {
  if (is_stopped) return Error(Code::kUpstreamFailed, Blame::kGateway, "the gateway is stopping");
  if (is_late || error.code() == Code::kTimeout || error.code() == Code::kUpstreamTimeout)
    return Error(Code::kTimeout, Blame::kUpstream, "the upstream did not answer in time");
  if (error.code() == Code::kUnavailable || error.code() == Code::kInternal) return error;
  return Error::formatted(Code::kUpstreamFailed, Blame::kUpstream,
                          "the answer was cut short: " + std::string(error.what()));
}

}  // namespace

// A connection for the time of a call: it can be ended from outside meanwhile.
class InnerCaller::Lease {
 public:
  Lease(InnerCaller& owner, std::unique_ptr<http::ClientConnection> connection)
      : owner_(owner), connection_(std::move(connection)) {
    owner_.busy_.push_back(connection_.get());
  }
  ~Lease() { std::erase(owner_.busy_, connection_.get()); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  http::ClientConnection& operator*() noexcept { return *connection_; }
  http::ClientConnection* operator->() noexcept { return connection_.get(); }
  // The answer is whole.
  void give_back() {
    if (!connection_->finish(true) || owner_.stopped_ || owner_.idle_.size() >= kMostIdle) return;
    std::erase(owner_.busy_, connection_.get());
    owner_.idle_.push_back(std::move(connection_));
  }

 private:
  InnerCaller& owner_;
  std::unique_ptr<http::ClientConnection> connection_;
};

InnerCaller::InnerCaller(net::Loop& loop, net::BufferPool& buffers, Connect connect)
    : loop_(loop), buffers_(buffers), connect_(std::move(connect)) {}

InnerCaller::~InnerCaller() = default;

Result<std::unique_ptr<http::ClientConnection>> InnerCaller::open() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->is_fresh()) return connection;
  }
  const int socket = CLV_TRY(connect_());
  auto stream = CLV_TRY(net::make_tcp_stream(loop_, socket));
  return std::make_unique<http::ClientConnection>(std::move(stream), buffers_);
}

// `refused`: it is the error of on_body.
net::Task<Result<ApiAnswer>> InnerCaller::exchange(const ApiRequest& request, const std::string& mount,
                                                   bool& refused) {
  CLV_CO_TRY_VOID(check(request));
  const Monotonic latest = std::min(request.until, loop_.now() + kLongest);
  Lease connection(*this, CLV_CO_TRY(open()));
  connection->begin();
  const std::string head = head_of(request, mount);
  CLV_CO_TRY_VOID(co_await connection->send(head, connection->left_until(latest)));
  if (!request.form.empty())
    CLV_CO_TRY_VOID(co_await connection->send(request.form, connection->left_until(latest)));
  CLV_CO_TRY_VOID(co_await connection->read_final_head(http::Method::kPost, kAnswerHead, latest));
  ApiAnswer answer = answer_of(connection->head());
  const bool is_passed_on = request.on_body && answer.status == 200;
  while (!connection->body_is_done()) {
    const std::string_view piece = CLV_CO_TRY(co_await connection->read_body(connection->left_until(latest)));
    if (is_passed_on) {
      const auto taken = piece.empty() ? ok() : request.on_body(piece);
      refused = !taken.has_value();
      if (refused) co_return taken.error();
    } else if (piece.size() > kMostBody - answer.body.size()) {
      co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream's answer is too large");
    } else {
      answer.body += piece;
    }
    // What has come already is read without a pause, in which the connection would see that it is too late.
    const Monotonic now = loop_.clock().monotonic();
    if (now >= latest) break;
    if (now - loop_.now() >= kLongestTurn) co_await loop_.yield();
  }
  if (loop_.clock().monotonic() >= latest)
    co_return Error(Code::kTimeout, Blame::kUpstream, "the answer came too late");
  connection.give_back();
  co_return answer;
}

net::Task<Result<ApiAnswer>> InnerCaller::send(ApiRequest request) {
  if (stopped_) co_return Error(Code::kCancelled, Blame::kGateway, "the gateway is stopping");
  const auto mount = mounts_.find(request.upstream);
  if (mount == mounts_.end())
    co_return Error::formatted(Code::kUnavailable, Blame::kOperator,
                               "there is no upstream '" + std::string(request.upstream) + "'");
  const std::string where = mount->second;  // it may be replaced meanwhile
  bool refused = false;
  auto answer = co_await exchange(request, where, refused);
  if (!answer.has_value() && !refused)
    co_return as_told(answer.error(), stopped_, loop_.clock().monotonic() >= request.until);
  co_return answer;
}

void InnerCaller::stop() noexcept {
  stopped_ = true;
  idle_.clear();
  while (!busy_.empty()) {
    http::ClientConnection* const last = busy_.back();
    busy_.pop_back();
    last->stream().cancel();
  }
}

}  // namespace claviger::doors::externaldns
