// SPDX-License-Identifier: Apache-2.0
#pragma once

// Technitium DNS Server's HTTP API, as far as records need it. Errors come with status 200, and a text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json_reader.h"
#include "base/result.h"
#include "doors/externaldns/api_caller.h"
#include "doors/externaldns/record_table.h"
#include "doors/externaldns/zone_sink.h"
#include "net/task.h"

namespace claviger::doors::externaldns {

// All that is asked for (besides what gets a session): what a grant has to let through.
inline constexpr std::string_view kListZones = "/api/zones/list";
inline constexpr std::string_view kGetRecords = "/api/zones/records/get";
inline constexpr std::string_view kAddRecord = "/api/zones/records/add";
inline constexpr std::string_view kUpdateRecord = "/api/zones/records/update";
inline constexpr std::string_view kDeleteRecord = "/api/zones/records/delete";
inline constexpr std::string_view kCreateZone = "/api/zones/create";

// Who is asked: an upstream, or another node of its cluster by way of it.
struct Node {
  std::string upstream;
  std::string by_way;  // `node=`; empty: the upstream itself
  bool operator==(const Node&) const = default;
};
std::string node_text(const Node& node);  // "technitium-a", "ns1.example.com by way of technitium-b"

// What a call that changes something came to.
enum class Change : std::uint8_t {
  kDone,
  kWasSo,    // what is to be added is there, what is to be deleted is not
  kRefused,  // by the server, for good reason: another try would end the same
  kFailed,   // the node, or the way to it: it may be done or not
  kNotSent,  // the gateway did not let it through
  kStopped,  // the same, and takes no other either: it ends
};
struct ChangeAnswer {
  Change change = Change::kFailed;
  std::string reason;  // but for kDone and kWasSo
  std::string request_id;
};

// Threads: `calls`' own. Texts of parameters outlive the tasks.
class Technitium {
 public:
  explicit Technitium(ApiCaller& calls) noexcept : calls_(calls) {}

  // All of them, however many pages the server makes of it.
  net::Task<Result<std::vector<ServerZone>>> list_zones(Node node, Monotonic until);
  // Adds to `into` the records of `zone`, or those of the one name in it. kNotFound: there is no such zone; kUnavailable: the node is not its
  // primary; `warning` gets what could not be read of it.
  net::Task<Result<void>> list_records(Node node, std::string_view zone, std::string_view name,
                                       Monotonic until, RecordTable& into, std::string& warning);
  // `path`: "/api/zones/records/add", ...; `form` begins with '&'.
  net::Task<ChangeAnswer> change(Node node, std::string_view path, std::string form, Monotonic until);

 private:
  struct Page;
  net::Task<Result<void>> read(const Node& node, std::string_view path, std::string form, Monotonic until,
                               base::JsonReader& into);
  net::Task<Result<Page>> list_page(const Node& node, std::size_t number, Monotonic until,
                                    std::vector<ServerZone>& into);

  ApiCaller& calls_;
};

}  // namespace claviger::doors::externaldns
