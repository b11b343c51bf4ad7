// SPDX-License-Identifier: Apache-2.0
// What calls are decided by: how worlds are made, and handed out to the workers.
#include <coroutine>

#include "gateway/destination.h"
#include "server/resource_files.h"
#include "server/server.h"

namespace claviger::server {

Result<std::shared_ptr<const gateway::World>> Server::first_world() {
  if (!managed_) return read_side_car_world();
  CLV_TRY_VOID(custody_->uses().load(managed_->store(), managed_->store_thread(), custody_->lives()));
  CLV_TRY_VOID(managed_->registry().load(world_settings()));
  CLV_TRY_VOID(quotas_.load(managed_->store(), managed_->store_thread()));
  return managed_->registry().world();
}

Result<std::shared_ptr<const gateway::World>> Server::read_side_car_world() {
  auto resources = CLV_TRY(read_resources(options_.resources_dir));
  ExternalSources& secrets = custody_->sources();
  const auto read = secrets.read_anew(resources);
  auto world = read.has_value() ? build_side_car_world(std::move(resources))
                                : Result<std::shared_ptr<const gateway::World>>(read.error());
  secrets.settled(world.has_value());
  if (!world.has_value()) return world;
  secrets.keep_only(**world);
  ++revision_;
  custody_->desk().begin_anew("secrets_read");
  side_car_world_ = *world;
  return world;
}

Result<std::shared_ptr<const gateway::World>> Server::build_side_car_world(policy::Resources resources) {
  auto snapshot = CLV_TRY(policy::Snapshot::compile(std::move(resources), revision_ + 1));
  return gateway::build_world(std::move(snapshot), nullptr, world_settings(), *memory_.key,
                              custody_->sources(), nullptr);
}

gateway::WorldSettings Server::world_settings() {
  return {.own_listeners = own_listeners_,
          .tokens = &custody_->tokens(),
          .lives = &custody_->lives(),
          .external = &custody_->sources()};
}

// Of credentials that say `from`; nobody else notices.
void Server::renew_secret(const std::string& from) {
  if (!custody_->sources().is_due(from)) return;
  if (managed_) {
    const auto renew = [](registry::StoredRegistry& registry, std::string name) -> net::Task<void> {
      (void)co_await registry.renew(std::move(name));  // what is refused is told of by the desk
    };
    return net::spawn(renew(managed_->registry(), from));
  }
  const auto renewed =
      gateway::renew_world(*side_car_world_, from, world_settings(), *memory_.key, custody_->sources());
  if (!renewed.has_value()) return;
  side_car_world_ = renewed->world;
  hand_out_world(side_car_world_, [] {});
}

// What is decided by now, or will be in a moment.
std::shared_ptr<const gateway::World> Server::world() const {
  return managed_ ? managed_->registry().world() : side_car_world_;
}

// Gives each worker what it is to go by; `everywhere` runs on the control thread once all of them do.
void Server::hand_out(const Give& give, std::function<void()> everywhere) {
  const auto has_it = publications_.begin(workers_.size());
  for (const auto& worker : workers_) {
    give(*worker, [this, has_it, everywhere] {
      if (has_it()) control_.post(everywhere);
    });
  }
}

// Tokens that it has no use for go once nobody goes by another world.
void Server::hand_out_world(const std::shared_ptr<const gateway::World>& world,
                            std::function<void()> everywhere) {
  custody_->tokens().expect(*world);
  hand_out(
      [&world](GatewayWorker& worker, std::function<void()> done) { worker.adopt(world, std::move(done)); },
      [this, world, everywhere = std::move(everywhere)] {
        custody_->tokens().adopt(*world);
        tell_doors(*world);
        check_doors();
        everywhere();
      });
}

// Who lets them in goes by it already.
void Server::tell_doors(const gateway::World& world) {
  for (const auto& door : doors_) door->adopt(world);
}

// Against what is in force now, configuration and resources: a reload of both ends with it.
void Server::check_doors() {
  if (!doors_.empty()) door_check_.look(options_.config.doors, *world()->policy, clock_.wall());
}

// The same, to be awaited.
struct Server::Everywhere {
  Server& server;
  Give give;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) const {
    server.hand_out(give, [handle] { handle.resume(); });
  }
  void await_resume() const noexcept {}
};

// Of a CA file that is no good, refresh() would make a credential that cannot be used: it is found before.
net::Task<Result<std::uint64_t>> Server::read_resources_anew() {
  if (managed_) {
    registry::StoredRegistry& registry = managed_->registry();
    CLV_CO_TRY_VOID(gateway::check_ca_files(*registry.world()->upstreams));
    CLV_CO_TRY_VOID(co_await registry.refresh());
    custody_->sources().read_soon();
    co_return registry.world()->policy->revision();
  }
  const auto world = CLV_CO_TRY(read_side_car_world());
  custody_->sources().read_soon();
  custody_->tokens().expect(*world);
  co_await Everywhere{*this, [world](GatewayWorker& worker, std::function<void()> done) {
                        worker.adopt(world, std::move(done));
                      }};
  custody_->tokens().adopt(*world);
  tell_doors(*world);
  co_return world->policy->revision();
}

net::Task<void> Server::take_over(Config config, Reload::Certificates certificates) {
  for (std::size_t i = 0; i < doors_.size(); ++i)
    if (config.doors[i].dns != options_.config.doors[i].dns) doors_[i]->use(config.doors[i].dns);
  options_.config = std::move(config);
  const Config& now = options_.config;
  tell_doors(*world());
  check_doors();
  log_.set_level(now.log_level);
  admission_.use(most_callers(now));
  overload_.use({.memory = now.memory});
  if (admin_) {
    admin_admission_.use(Admission::of_admins(now.admin_connections));
    admin_->use(certificates.admin);
    admin_->use(std::make_shared<const http::ServerLimits>(now.limits));
    admin_door_->use(now.admin_rate, now.security_contact);
  }
  const WorkerSettings settings = WorkerSettings::of(now, std::move(certificates.gateway));
  co_await Everywhere{*this, [settings](GatewayWorker& worker, std::function<void()> done) {
                        worker.use(settings, std::move(done));
                      }};
  if (const auto reopened = access_log_->reopen(); !reopened.has_value())
    log_.warning("access_log_not_reopened", {{"reason", reopened.error().what()}});
  if (sinks_) sinks_->reopen();
  warn_of_file_limit();
}

}  // namespace claviger::server
