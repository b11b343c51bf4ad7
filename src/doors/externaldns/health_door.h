// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "gateway/request_ids.h"
#include "http/serve.h"

namespace claviger::doors::externaldns {

struct Visit;

struct HealthServices {
  bool is_on_loopback = false;
  std::function<bool()> is_alive;               // of the door's thread; nothing outside the process counts
  std::function<std::string()> why_not_ready;   // one line; empty: it is
  std::function<std::string()> metrics;         // the page
};

// /healthz, /readyz and /metrics of one door, for whoever can reach its listener: they tell no secret, and take no key.
//
// Threads: its loop's.
class HealthDoor final : public http::Handler {
 public:
  explicit HealthDoor(HealthServices services) : services_(std::move(services)) {}

  net::Task<void> handle(http::ServerConnection& caller) override;
  net::Task<void> refuse(http::ServerConnection& caller, Error error) override;

 private:
  net::Task<void> answer(Visit& visit);
  std::shared_ptr<const std::string> metrics_page(Monotonic now);

  HealthServices services_;
  std::shared_ptr<const std::string> page_;  // as it was last made; null: never
  Monotonic page_made_{};
  gateway::RequestIds request_ids_;
};

}  // namespace claviger::doors::externaldns
