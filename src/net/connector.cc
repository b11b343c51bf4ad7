// SPDX-License-Identifier: Apache-2.0
#include "net/connector.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/tcp_race.h"

namespace claviger::net {
namespace {

// Of more, nobody would wait for the last; and each may cost a socket at the same time.
constexpr std::size_t kMaxAddresses = 8;

struct Candidates {
  std::vector<Endpoint> endpoints;  // in the order to try them
  std::optional<Error> refusal;  // the guard's, of one that is not among them
};

// RFC 8305 section 4: families in turn, beginning with that of the first.
std::vector<Endpoint> interleave(std::span<const Endpoint> endpoints) {
  std::array<std::vector<Endpoint>, 2> families;
  for (const Endpoint& each : endpoints)
    families[each.address.v6 == endpoints.front().address.v6 ? 0 : 1].push_back(each);
  std::vector<Endpoint> mixed;
  for (std::size_t i = 0; i < std::max(families[0].size(), families[1].size()); ++i) {
    for (const auto& family : families) {
      if (i < family.size() && mixed.size() < kMaxAddresses) mixed.push_back(family[i]);
    }
  }
  return mixed;
}

Candidates ask_guard(const Destination& destination, std::span<const base::IpAddress> addresses) {
  Candidates candidates;
  for (const base::IpAddress& address : addresses) {
    const Endpoint endpoint{address, destination.port};
    auto allowed = check_address(destination.rules, endpoint);
    if (allowed.has_value()) candidates.endpoints.push_back(endpoint);
    else candidates.refusal = std::move(allowed).error();
  }
  candidates.endpoints = interleave(candidates.endpoints);
  return candidates;
}

// Whoever wonders why an upstream cannot be reached may have expected it at an address that was left out.
Error with_refusal(const Error& error, const std::optional<Error>& refusal) {
  if (!refusal.has_value()) return error;
  return error.with_detail(std::string(error.what()) + "; " + std::string(refusal->what()));
}

bool is_worth_another_address(const Error& error) {
  // A certificate that is wrong here will be so at the next address; and trying on would hide it. So would trying on
  // after an alert: the peer has spoken TLS, and does not like what it heard.
  return error.code() == Code::kTimeout || error.code() == Code::kClosed;
}

Error handshake_error(const Error& error, const Endpoint& endpoint) {
  const std::string where = format_endpoint(endpoint);
  if (error.code() == Code::kTimeout)
    return Error::detailed(Code::kUpstreamTimeout, Blame::kUpstream,
                           "the TLS handshake with the upstream took too long",
                           "the TLS handshake with the upstream at " + where + " took too long");
  if (error.code() == Code::kClosed)
    return Error::detailed(Code::kUpstreamFailed, Blame::kUpstream,
                           "the upstream closed the connection during the TLS handshake",
                           "the upstream at " + where + " closed the connection during the TLS handshake");
  return error.within("TLS with the upstream at " + where);
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect(Loop& loop, Resolver& resolver, const Destination& destination,
                                              std::shared_ptr<ClientTls> tls, ConnectLimits limits,
                                              bool* reached) {
  const Monotonic deadline = loop.now() + limits.all;
  const auto addresses = CLV_CO_TRY(co_await resolver.resolve(destination.host, deadline));
  const Candidates candidates = ask_guard(destination, addresses);
  if (candidates.endpoints.empty()) {
    if (candidates.refusal.has_value()) co_return *candidates.refusal;
    co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "the upstream has no address");
  }
  TcpRace race(loop, candidates.endpoints, deadline);
  std::optional<Error> handshake;  // what came of the last
  for (;;) {
    auto won = co_await race.winner();
    if (!won.has_value())
      co_return handshake.has_value() ? *handshake : with_refusal(won.error(), candidates.refusal);
    if (reached != nullptr) *reached = true;
    if (!tls) co_return make_tcp_stream(std::move(won->source));
    won->source->set_deadline(std::min(deadline, loop.now() + limits.tls));
    auto stream = co_await connect_tls(std::move(won->source), tls);
    if (stream.has_value()) {
      (*stream)->set_deadline(Deadline::kNever);
      co_return stream;
    }
    handshake = handshake_error(stream.error(), won->endpoint);
    if (!is_worth_another_address(stream.error())) co_return *handshake;
  }
}

}  // namespace claviger::net
