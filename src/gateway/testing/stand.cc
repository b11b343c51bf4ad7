// SPDX-License-Identifier: Apache-2.0
#include "gateway/testing/stand.h"

#include <cstdlib>

#include "base/json.h"
#include "gateway/outgoing_head.h"
#include "http/parser.h"
#include "identity/api_key.h"

namespace claviger::gateway::testing {
namespace {

base::Document scalar(std::string text) {
  base::Document node;
  node.type = base::Document::Type::kScalar;
  node.scalar = std::move(text);
  return node;
}

base::Document auth(std::string kind, std::string name = "") {
  base::Document map;
  map.type = base::Document::Type::kMap;
  map.entries.push_back({"kind", scalar(std::move(kind))});
  if (!name.empty()) map.entries.push_back({"name", scalar(std::move(name))});
  return map;
}

policy::UpstreamResource upstream(const std::string& name, unsigned port, base::Document how) {
  policy::UpstreamResource resource;
  resource.name = name;
  resource.mount = "/" + name;
  resource.base_url =
      *http::parse_base_url("http://127.0.0.1:" + std::to_string(port) + (name == "api" ? "/base" : ""));
  resource.auth = std::move(how);
  resource.allow_plaintext = true;
  resource.allow_private_addresses.all = true;
  if (name == "api")
    resource.deny_paths = *policy::DeniedPaths::read(*base::parse_json(R"(["/v1/keys/**"])", ""));
  using std::chrono::seconds;
  resource.timeouts.connect = resource.timeouts.tls = seconds(10);
  resource.timeouts.first_byte = resource.timeouts.idle = seconds(10);
  return resource;
}

policy::CredentialResource credential(std::string name, std::string to, std::string from) {
  policy::CredentialResource resource;
  resource.name = std::move(name);
  resource.upstream = std::move(to);
  resource.from = std::move(from);
  return resource;
}

policy::GrantResource grant(const std::string& name, const std::string& to, std::vector<std::string> methods,
                            std::string_view path) {
  policy::GrantResource resource;
  resource.name = name;
  resource.principal = "alice";
  resource.upstream = to;
  resource.methods = std::move(methods);
  resource.paths.push_back(*policy::Glob::parse(path));
  return resource;
}

}  // namespace

policy::Resources Stand::resources() const {
  policy::Resources resources;
  resources.upstreams.push_back(upstream("api", upstream_port_, auth("bearer")));
  resources.upstreams.push_back(upstream("legacy", upstream_port_, auth("query", "key")));
  resources.upstreams.push_back(upstream("bare", upstream_port_, auth("bearer")));
  resources.credentials.push_back(credential("api-main", "api", "env:CLAVIGER_TEST_SECRET_A"));
  resources.credentials.push_back(credential("legacy-main", "legacy", "env:CLAVIGER_TEST_SECRET_B"));
  resources.principals.emplace_back().name = "alice";
  policy::ApiKeyResource& key = resources.api_keys.emplace_back();
  key.name = api_key_id_;
  key.principal = "alice";
  key.hash = api_key_hash_;
  auto limited = grant("limited", "api", {"GET"}, "/v1/limited");
  limited.rate = policy::Rate{5, std::chrono::seconds(60)};
  resources.grants.push_back(std::move(limited));
  resources.grants.push_back(grant("main", "api", {"GET", "POST", "HEAD", "PUT"}, "/v1/**"));
  resources.grants.push_back(grant("legacy", "legacy", {}, "/**"));
  resources.grants.push_back(grant("bare", "bare", {}, "/**"));
  return resources;
}

Result<std::shared_ptr<const World>> Stand::make_world(policy::Resources resources, const World* before,
                                                       std::vector<UnusableCredential>* unusable) {
  auto snapshot = CLV_TRY(policy::Snapshot::compile(std::move(resources), ++revision_));
  return build_world(std::move(snapshot), before, {.tokens = tokens_.get()}, *key_, secrets_, unusable);
}

Stand::Stand(unsigned upstream_port, const Clock& clock)
    : LoopFixture(clock),
      arena_(*base::SecretArena::create({base::SecretArena::Memory::kLocked, std::size_t{4} << 20})),
      key_(*vault::ProcessKey::create(*arena_)),
      upstream_port_(upstream_port),
      access_writer_(*telemetry::AccessLogWriter::open("off")),
      access_log_(std::make_unique<telemetry::AccessLog>(*access_writer_, metrics_)),
      resolver_(*net::Resolver::create(loop())),
      shared_{cells_,
              address_cells_,
              refusal_cells_,
              limit_keys_,
              {net::kBufferSize, http::kMaxFields, net::kBufferSize},
              std::chrono::seconds(5),
              &quota_cells_,
              &leases_} {
  tokens_ = *TokenDesk::create(
      {.control = loop(),
       .key = *key_,
       .log = log_,
       .readers = 1,
       .fetch = [this](http::FetchTarget target,
                       http::FetchRequest request) -> net::Task<Result<http::FetchAnswer>> {
         if (!fetch_token) co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "nobody answers");
         co_return co_await fetch_token(std::move(target), request);
       },
       .record = {},
       .keep = {}});
  token_line_.emplace(loop(), *tokens_);
  shared_.tokens = &*token_line_;
  const identity::NewApiKey made = *identity::generate_api_key(*arena_);
  api_key_ = made.text.reveal_text();
  api_key_id_ = made.id;
  api_key_hash_ = made.hash;
  // NOLINTBEGIN(concurrency-mt-unsafe): tests have one thread
  ::setenv("CLAVIGER_TEST_SECRET_A", std::string(kSecret).c_str(), 1);
  ::setenv("CLAVIGER_TEST_SECRET_B", std::string(kSecret).c_str(), 1);
  // NOLINTEND(concurrency-mt-unsafe)
  world_ = *make_world(resources());
  worker_.reset(new Worker{loop(), *resolver_, buffers_, metrics_, *access_log_, &lane_, FailureLog(log_),
                           *key_->make_opener(), crypto::Sha256(), RequestIds(), SecretScratchPool(*arena_),
                           UpstreamPools(loop(), *resolver_, buffers_, metrics_, PoolLimits()), shared_});
  worker_->settings.unauthenticated = {100, std::chrono::seconds(60)};
  adopt(world_);
}

Stand::~Stand() = default;

Call Stand::call(std::string text) {
  if (const std::size_t at = text.find("$KEY"); at != std::string::npos) text.replace(at, 4, api_key_);
  texts_.push_back(std::make_unique<std::string>(std::move(text)));
  heads_.push_back(std::make_unique<http::RequestHead>());
  CLV_CHECK(http::parse_request_head(*texts_.back(), http::HeadLimits(), *heads_.back()).has_value());
  Call call;
  call.head = heads_.back().get();
  call.world = world_.get();
  call.address = *base::parse_ip("192.0.2.7");
  call.address_text = "192.0.2.7";
  call.request_id = worker_->request_ids.next();
  call.wall = loop().wall_now();
  call.began = loop().now();
  return call;
}

std::string Stand::outgoing(const Call& call) {
  std::string room(SecretScratchPool::kSize, '\0');
  http::HeadWriter out(room);
  CLV_CHECK(write_outgoing_head(call, call.upstream->resource->base_url.authority, worker_->opener, out)
                .has_value());
  return std::string(out.text());
}

}  // namespace claviger::gateway::testing
