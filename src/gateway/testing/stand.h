// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/call.h"
#include "gateway/pipeline.h"
#include "gateway/testing/fake_lane.h"
#include "gateway/testing/source_secrets.h"
#include "gateway/token_desk.h"
#include "gateway/token_wait.h"
#include "gateway/worker.h"
#include "net/testing/loop_fixture.h"

namespace claviger::gateway::testing {

// A worker with everything around it, and a small world:
//   upstream `api` at /api -> http://127.0.0.1:<port>/base, bearer; `legacy` at /legacy, query parameter `key`;
//   `bare` at /bare without a credential; principal `alice` with one API key;
//   `api` denies /v1/keys/** to everybody;
//   grant: alice may GET, HEAD, POST and PUT /v1/** of api (5 a minute on /v1/limited), anything of legacy and bare.
class Stand : public net::testing::LoopFixture {
 public:
  static constexpr std::string_view kSecret = "fake-credential-of-the-test-upstream";

  // Upstreams have ten seconds for everything. Requires: the clock outlives it.
  explicit Stand(unsigned upstream_port = 1, const Clock& clock = real_clock());
  ~Stand();

  Worker& worker() noexcept { return *worker_; }
  const World& world() const noexcept { return *world_; }
  std::string_view api_key() const noexcept { return api_key_; }
  telemetry::WorkerMetrics& metrics() noexcept { return metrics_; }
  net::BufferPool& buffers() noexcept { return buffers_; }
  base::SecretArena& arena() noexcept { return *arena_; }

  // A call for a head given as text ("GET /api/v1/x HTTP/1.1\r\n..."); `$KEY` stands for the API key.
  Call call(std::string text);
  Result<void> run(Call& call) { return run_pipeline(call, *worker_); }
  // The head as the upstream would get it.
  std::string outgoing(const Call& call);

  // The resources of the world it began with, to be changed; the world of such; and its adoption, as a gateway does it.
  policy::Resources resources() const;
  Result<std::shared_ptr<const World>> make_world(policy::Resources resources, const World* before = nullptr,
                                                  std::vector<UnusableCredential>* unusable = nullptr);
  void adopt(std::shared_ptr<const World> world) { gateway::adopt(*worker_, std::move(world)); }
  void adopt(policy::Resources resources) { adopt(*make_world(std::move(resources))); }

  // Saves leases of quotas: at once, unless a test has it otherwise.
  std::function<void(std::function<void(Result<void>)> done)> save_leases = [](auto done) { done(ok()); };
  // Answers requests for tokens; null: they fail.
  std::function<net::Task<Result<http::FetchAnswer>>(http::FetchTarget, http::FetchRequest)> fetch_token;
  TokenDesk& tokens() noexcept { return *tokens_; }
  FakeLane& lane() noexcept { return lane_; }
  Shared& shared() noexcept { return shared_; }
  vault::ProcessKey& key() noexcept { return *key_; }
  SecretProvider& secrets() noexcept { return secrets_; }

 private:
  std::unique_ptr<base::SecretArena> arena_;
  std::unique_ptr<vault::ProcessKey> key_;
  unsigned upstream_port_;
  std::string api_key_;
  std::string api_key_id_;
  crypto::Sha256Digest api_key_hash_{};
  vault::SecretSources sources_{*key_};
  SourceSecrets secrets_{sources_};
  std::uint64_t revision_ = 0;
  FakeLane lane_;
  SystemClock clock_;
  telemetry::Log log_{telemetry::Level::kError, 2, clock_};
  std::unique_ptr<telemetry::AccessLogWriter> access_writer_;
  telemetry::WorkerMetrics metrics_;
  std::unique_ptr<telemetry::AccessLog> access_log_;
  std::unique_ptr<net::Resolver> resolver_;
  net::BufferPool buffers_;
  policy::LimitCells cells_;
  policy::LimitCells address_cells_;
  policy::LimitCells refusal_cells_;
  policy::LimitKeys limit_keys_;
  policy::QuotaCells quota_cells_{64};
  policy::LeaseDesk lease_desk_{quota_cells_,
                                {[this](auto, auto done) { save_leases(std::move(done)); }, [](auto) {}}};
  policy::LeaseCounter leases_{loop(), lease_desk_};
  std::unique_ptr<TokenDesk> tokens_;
  std::optional<TokenLine> token_line_;
  Shared shared_;
  std::shared_ptr<const World> world_;
  std::unique_ptr<Worker> worker_;
  std::vector<std::unique_ptr<std::string>> texts_;
  std::vector<std::unique_ptr<http::RequestHead>> heads_;
};

}  // namespace claviger::gateway::testing
