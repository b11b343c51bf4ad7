// SPDX-License-Identifier: Apache-2.0
#include "sources/vault_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"

namespace claviger::sources {
namespace {

constexpr std::size_t kMostLeaseId = 512;

Error failed(std::string what, Blame blame = Blame::kOperator) {
  return Error::formatted(Code::kUpstreamFailed, blame, std::move(what));
}

// "secret/team/key" in the mount "secret/", by KV version 2: "secret/data/team/key".
std::string with_data(std::string_view place, std::size_t mount) {
  return fmt::format("{}data/{}", place.substr(0, mount), place.substr(mount));
}

Result<base::SecretBytes> value_of(const base::SecretJson& json, bool is_kv2, const std::string& part,
                                   base::SecretArena& arena) {
  const auto text = is_kv2 ? json.text({"data", "data", part}) : json.text({"data", part});
  if (text) {
    if (text->empty()) return failed(fmt::format("its field '{}' is empty", base::printable_name(part)));
    return base::SecretBytes::copy_of(arena, std::as_bytes(std::span(*text)));
  }
  const bool is_there = is_kv2 ? json.has({"data", "data", part}) : json.has({"data", part});
  const std::string name = base::printable_name(part);
  return failed(is_there ? fmt::format("its field '{}' is no string", name)
                         : fmt::format("it has no field '{}'", name));
}

std::optional<Lease> lease_of(const base::SecretJson& json) {
  const auto id = json.text({"lease_id"});
  const auto time = json.number({"lease_duration"});
  if (!id || id->empty() || id->size() > kMostLeaseId || !time || *time == 0) return std::nullopt;
  constexpr std::uint64_t kMost = 365ULL * 86'400;
  return Lease{.id = std::string(*id),
               .time = std::chrono::seconds(std::min(*time, kMost)),
               .renewable = json.boolean({"renewable"}).value_or(false)};
}

}  // namespace

Result<std::unique_ptr<Reader>> VaultReader::create(const VaultOptions& options,
                                                    vault::SecretSources& secrets, vault::ProcessKey& key) {
  auto target = CLV_TRY(make_target(options.address));
  return std::unique_ptr<Reader>(new VaultReader(options, std::move(target), secrets, key));
}

net::Task<Result<VaultReader::Where>> VaultReader::find(const http::FetchSurroundings& around,
                                                        std::string place,
                                                        std::optional<std::chrono::seconds>& wait) {
  if (options_.kv != 0) {
    const std::size_t mount = place.find('/') + 1;
    if (options_.kv == 1) co_return Where{.path = place, .is_kv2 = false};
    co_return Where{.path = with_data(place, mount), .is_kv2 = true};
  }
  if (const auto known = known_.find(place); known != known_.end()) co_return known->second;
  const auto answer = CLV_CO_TRY(
      co_await session_.call(around, http::Method::kGet, "sys/internal/ui/mounts/" + place, {}, wait));
  if (!answer.json)
    co_return failed(
        fmt::format("Vault does not say what is mounted there ({}): say sources.vault.kv", answer.status));
  const auto mount = answer.json->text({"data", "path"});
  const auto type = answer.json->text({"data", "type"});
  if (!mount || !type || !mount->ends_with('/') || !place.starts_with(*mount))
    co_return failed("Vault does not say what is mounted there: say sources.vault.kv", Blame::kUpstream);
  const bool is_kv2 = *type == "kv" && answer.json->text({"data", "options", "version"}) == "2";
  Where where{.path = is_kv2 ? with_data(place, mount->size()) : place, .is_kv2 = is_kv2};
  known_.insert_or_assign(place, where);
  co_return where;
}

net::Task<Result<Reading>> VaultReader::read(const http::FetchSurroundings& around, std::string place,
                                             std::vector<std::string> parts,
                                             std::optional<std::chrono::seconds>& wait) {
  const Where where = CLV_CO_TRY(co_await find(around, place, wait));
  const auto answer = CLV_CO_TRY(co_await session_.call(around, http::Method::kGet, where.path, {}, wait));
  if (!answer.json) {
    known_.erase(place);  // it may have been mounted anew, as something else
    co_return failed(fmt::format("Vault has nothing there ({})", answer.status));
  }
  // A version that was deleted has metadata alone.
  if (!answer.json->has({"data"}) || (where.is_kv2 && !answer.json->has({"data", "data"})))
    co_return failed("Vault has nothing there any more");
  Reading reading;
  for (const std::string& part : parts)
    reading.values.push_back(value_of(*answer.json, where.is_kv2, part, around.arena));
  reading.lease = lease_of(*answer.json);
  co_return reading;
}

net::Task<Result<std::chrono::seconds>> VaultReader::renew(const http::FetchSurroundings& around,
                                                           Lease lease) {
  std::string body = "{\"lease_id\":";
  base::append_json_string(body, lease.id);
  body += fmt::format(",\"increment\":{}}}", lease.time.count());
  std::optional<std::chrono::seconds> wait;
  const auto answer = CLV_CO_TRY(
      co_await session_.call(around, http::Method::kPut, "sys/leases/renew", std::move(body), wait));
  if (!answer.json) co_return failed(fmt::format("Vault does not renew the lease ({})", answer.status));
  const auto renewed = lease_of(*answer.json);
  if (!renewed) co_return failed("Vault does not say for how long the lease is good", Blame::kUpstream);
  co_return renewed->time;
}

}  // namespace claviger::sources
