// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret_arena.h"
#include "doors/admin/admin_door.h"
#include "http/server_connection.h"
#include "net/testing/loop_fixture.h"
#include "registry/testing/fake_registry.h"

namespace claviger::doors::testing {

// An answer as it came over the wire.
struct WireAnswer {
  unsigned status = 0;
  std::string head;
  std::string body;
  std::string field(std::string_view name) const;  // empty when it is not there
};

// An admin door with a registry in memory, and callers who send bytes. Principals: `alice` (admin), `rita` (read), `nora`
// (no rights), `dora` (admin, disabled). Upstream `api`, credential `api-main`, grant `alice:api`.
class AdminStand : public net::testing::LoopFixture {
 public:
  AdminStand();
  ~AdminStand();

  // A key of `principal`; `more` are further fields of the resource (`"cidrs":["10.0.0.0/8"]`).
  std::string make_key(const std::string& principal, const std::string& more = "");

  // Sends `head` and `body` on a connection of its own from `address`, reads until the door closes it. "$KEY" stands for
  // alice's key, "$READ" for rita's; "Connection: close" is put in.
  WireAnswer send(std::string head, std::string_view body = {}, std::string_view address = "192.0.2.7:5000");
  // With alice's key; a body goes as JSON.
  WireAnswer call(std::string_view method, std::string_view target, std::string_view body = {},
                  std::string_view fields = {});

  registry::testing::FakeRegistry& registry() noexcept { return *registry_; }
  // For the next door. Calls are made by a new one after reopen().
  AdminServices services();
  void reopen(AdminServices services) { door_.emplace(std::move(services)); }
  AdminDoor& door() noexcept { return *door_; }
  base::SecretArena& arena() noexcept { return *arena_; }

  Readiness readiness{true, ""};
  std::vector<std::string> records;  // "<principal> <key id> <method> <path> <status>"
  std::vector<std::string> events;  // that it had recorded
  std::optional<std::string> checkpoint;
  audit::LogPlace asked_from;
  std::size_t asked_last = 0;
  audit::SearchRequest asked_search;
  Result<audit::SearchPage> found{audit::SearchPage{
      .lines = "{\"v\":1}\n", .next = {.event = 9, .segment = 7, .offset = 16}, .remaining = 4}};
  Result<audit::LogPiece> piece{
      audit::LogPiece{"{\"v\":1}\n{\"v\":2}\n", 7, 2, {.event = 9, .segment = 7, .offset = 16}}};

 private:
  net::Task<void> serve(std::unique_ptr<net::Stream> stream, net::Endpoint peer, bool& over);
  std::string exchange(net::Stream& far, std::string_view request, bool& over);

  std::unique_ptr<base::SecretArena> arena_;
  net::BackgroundThread background_{loop(), "clv-test"};
  net::BufferPool buffers_;
  telemetry::WorkerMetrics metrics_;
  std::shared_ptr<const http::ServerLimits> limits_ = std::make_shared<const http::ServerLimits>();
  std::unique_ptr<registry::testing::FakeRegistry> registry_;
  std::string alice_, rita_;
  std::optional<AdminDoor> door_;
};

}  // namespace claviger::doors::testing
