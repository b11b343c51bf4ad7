// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "gateway/request_ids.h"
#include "http/serve.h"

namespace claviger::doors {

// What an orchestrator and Prometheus ask of the admin listener: `/healthz` (the process serves), `/readyz` (it
// takes calls: 503 while it starts and once it drains), `/metrics`. No secret is among the answers, so no key is asked for.
// Threads: the control thread's.
class ProbesDoor final : public http::Handler {
 public:
  struct Answers {
    std::function<bool()> is_ready;
    std::function<std::string()> metrics;
  };
  explicit ProbesDoor(Answers answers) : answers_(std::move(answers)) {}

  net::Task<void> handle(http::ServerConnection& caller) override;
  net::Task<void> refuse(http::ServerConnection& caller, Error error) override;

 private:
  net::Task<void> answer(http::ServerConnection& caller, unsigned status, std::string_view type,
                         std::string body);
  net::Task<void> problem(http::ServerConnection& caller, const Error& error, bool head_only);

  Answers answers_;
  gateway::RequestIds request_ids_;
};

}  // namespace claviger::doors
