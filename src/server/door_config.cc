// SPDX-License-Identifier: Apache-2.0
#include "server/door_config.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/parse.h"
#include "doors/externaldns/name_filter.h"
#include "doors/externaldns/names.h"

namespace claviger::server {
namespace {

using base::Document;
using base::ObjectReader;
using doors::externaldns::DomainFilter;
using doors::externaldns::ProviderOptions;

constexpr std::size_t kMostDoors = 16;      // each has a thread
constexpr std::size_t kMostUpstreams = 16;  // of one door
constexpr std::size_t kMostNames = 1000;    // of zones, or in a filter
constexpr std::size_t kMostExpression = 1024;
constexpr std::uint64_t kMostTtl = 2'147'483'647;  // RFC 2181 section 8

Error wrong(const Document& node, std::string_view key, std::string_view what) {
  return base::invalid_at(node.place, std::string(key) + ": " + std::string(what));
}

Result<std::string> read_name(const Document& node, std::string_view key) {
  std::string name = CLV_TRY(base::read_string(node, key));
  if (base::is_resource_name(name)) return name;
  return wrong(node, key, "must be 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit");
}

Result<std::string> required_name(ObjectReader& reader, std::string_view key) {
  return read_name(*CLV_TRY(reader.required(key)), key);
}

Result<net::Endpoint> read_endpoint(const Document& node, std::string_view key) {
  auto endpoint = net::parse_endpoint(CLV_TRY(base::read_string(node, key)));
  if (!endpoint.has_value()) return wrong(node, key, endpoint.error().what());
  return endpoint;
}

bool is_off(const Document& node) {
  return node.type == Document::Type::kScalar && (node.scalar == "off" || node.scalar == "false");
}

Result<void> read_listeners(ObjectReader& reader, DoorConfig& door) {
  door.listen = *net::parse_endpoint("127.0.0.1:8888");
  door.health = *net::parse_endpoint("127.0.0.1:8080");
  const Document* const listen = reader.find("listen");
  if (listen != nullptr) door.listen = CLV_TRY(read_endpoint(*listen, "listen"));
  if (const Document* health = reader.find("health")) {
    door.health.reset();
    if (!is_off(*health)) door.health = CLV_TRY(read_endpoint(*health, "health"));
  }
  door.allow_remote = CLV_TRY(reader.boolean_or("allow_remote", false));
  if (!net::is_loopback(door.listen.address) && !door.allow_remote)
    return wrong(
        *listen, "listen",
        net::format_endpoint(door.listen) +
            " is not loopback, and this door asks nobody who they are: whoever reaches it changes records. "
            "Say allow_remote: true if nothing else can reach it");
  return ok();
}

// A name as it is compared: in lower case and punycode, without the dot at its end.
Result<std::string> parse_zone(std::string_view text) {
  auto name = doors::externaldns::canonical_name(text);
  if (!name.has_value())
    return Error::formatted(Code::kInvalid, Blame::kOperator, std::string(name.error().what()));
  if (!name->starts_with('*')) return name;
  return Error(Code::kInvalid, Blame::kOperator, "must be names such as example.com, without '*'");
}

template <class Parse>
Result<std::vector<std::string>> read_names(ObjectReader& reader, std::string_view key, Parse parse) {
  std::vector<std::string> names;
  const Document* const node = reader.find(key);
  if (node == nullptr) return names;
  if (node->type != Document::Type::kList) return wrong(*node, key, "must be a list");
  if (node->items.empty()) return wrong(*node, key, "is empty: leave it out for all");
  if (node->items.size() > kMostNames) return wrong(*node, key, "may be 1000 at the most");
  for (const Document& item : node->items) {
    auto name = parse(CLV_TRY(base::read_string(item, key)));
    if (!name.has_value()) return wrong(item, key, name.error().what());
    if (std::ranges::find(names, *name) != names.end())
      return wrong(item, key, *name + " stands there twice");
    names.push_back(*std::move(name));
  }
  return names;
}

// With a dot in front it is what lies below it alone.
Result<std::string> parse_suffix(std::string_view text) {
  const bool has_dot = text.starts_with('.');
  const std::string zone = CLV_TRY(parse_zone(has_dot ? text.substr(1) : text));
  return has_dot ? '.' + zone : zone;
}

Result<std::string> read_expression(ObjectReader& reader, std::string_view key) {
  const Document* const node = reader.find(key);
  if (node == nullptr) return std::string();
  std::string text = CLV_TRY(base::read_string(*node, key));
  const bool is_printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (text.empty() || text.size() > kMostExpression || !is_printable)
    return wrong(*node, key, "must be a regular expression (RE2) of 1 to 1024 printable ASCII characters");
  const auto checked = doors::externaldns::check_expression(text);
  if (!checked.has_value())
    return wrong(*node, key, "is no regular expression: " + std::string(checked.error().what()));
  return text;
}

Result<DomainFilter> read_filter(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "filter"));
  DomainFilter filter;
  filter.include = CLV_TRY(read_names(reader, "include", parse_suffix));
  filter.exclude = CLV_TRY(read_names(reader, "exclude", parse_suffix));
  filter.regex_include = CLV_TRY(read_expression(reader, "regex_include"));
  filter.regex_exclude = CLV_TRY(read_expression(reader, "regex_exclude"));
  CLV_TRY_VOID(reader.finish());
  const bool has_lists = !filter.include.empty() || !filter.exclude.empty();
  const bool has_expressions = !filter.regex_include.empty() || !filter.regex_exclude.empty();
  if (has_lists && has_expressions)
    return base::invalid_at(
        node.place, "filter: lists and regular expressions do not go together: ExternalDNS refuses both");
  if (!has_lists && !has_expressions) return base::invalid_at(node.place, "filter: is empty");
  return filter;
}

// `true`, `false`, or { catalog: NAME }.
Result<void> read_create_zones(ObjectReader& reader, ProviderOptions& dns) {
  const Document* const node = reader.find("create_zones");
  if (node == nullptr) return ok();
  if (node->type == Document::Type::kMap) {
    ObjectReader inner = CLV_TRY(ObjectReader::of(*node, "create_zones"));
    const Document* const catalog = CLV_TRY(inner.required("catalog"));
    auto name = parse_zone(CLV_TRY(base::read_string(*catalog, "catalog")));
    if (!name.has_value()) return wrong(*catalog, "catalog", name.error().what());
    dns.catalog = *std::move(name);
    dns.create_zones = true;
    CLV_TRY_VOID(inner.finish());
  } else {
    dns.create_zones = CLV_TRY(base::read_boolean(*node, "create_zones"));
  }
  if (dns.create_zones && dns.zones.empty())
    return wrong(*node, "create_zones", "makes those of `zones` that are missing, and there are none");
  return ok();
}

Result<void> read_ttl(const Document& node, ProviderOptions& dns) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "ttl"));
  const auto read = [&reader](std::string_view key, std::int64_t& out) -> Result<void> {
    out = static_cast<std::int64_t>(
        CLV_TRY(reader.number_or(key, static_cast<std::uint64_t>(out), 1, kMostTtl)));
    return ok();
  };
  CLV_TRY_VOID(read("default", dns.ttl_default));
  CLV_TRY_VOID(read("min", dns.ttl_min));
  CLV_TRY_VOID(read("max", dns.ttl_max));
  CLV_TRY_VOID(reader.finish());
  if (dns.ttl_min > dns.ttl_default || dns.ttl_default > dns.ttl_max)
    return base::invalid_at(node.place,
                            "ttl: min may not exceed default (300 unless it is said), nor default max");
  return ok();
}

Result<void> read_delete_share(ObjectReader& reader, ProviderOptions& dns) {
  const Document* const node = reader.find("max_delete_share");
  if (node == nullptr) return ok();
  const std::string text = CLV_TRY(base::read_string(*node, "max_delete_share"));
  const auto share = text.ends_with('%')
                         ? base::parse_decimal(std::string_view(text).substr(0, text.size() - 1), 100)
                         : Result<std::uint64_t>(Error(Code::kInvalid, Blame::kOperator, "no share"));
  if (!share.has_value()) return wrong(*node, "max_delete_share", "must be from 0% to 100%, with the sign");
  dns.max_delete_percent = static_cast<unsigned>(*share);
  return ok();
}

Result<void> read_deadline(ObjectReader& reader, ProviderOptions& dns) {
  const Document* const node = reader.find("deadline");
  if (node == nullptr) return ok();
  const auto time = base::parse_duration(CLV_TRY(base::read_string(*node, "deadline")));
  if (!time.has_value() || *time < std::chrono::seconds(1) || *time > std::chrono::seconds(14))
    return wrong(*node, "deadline", "must be from 1s to 14s: ExternalDNS waits for 15s, and exits then");
  dns.deadline = *time;
  return ok();
}

Result<void> read_dns(ObjectReader& reader, ProviderOptions& dns) {
  dns.upstreams = CLV_TRY(read_names(reader, "upstreams", [](std::string_view text) -> Result<std::string> {
    if (base::is_resource_name(text)) return std::string(text);
    return Error(Code::kInvalid, Blame::kOperator, "must be names of upstreams");
  }));
  if (dns.upstreams.empty()) return base::invalid_at(reader.place(), "door: 'upstreams' is missing");
  if (dns.upstreams.size() > kMostUpstreams)
    return wrong(*reader.find("upstreams"), "upstreams", "may be 16 at the most");
  dns.zones = CLV_TRY(read_names(reader, "zones", parse_zone));
  if (const Document* filter = reader.find("filter")) dns.filter = CLV_TRY(read_filter(*filter));
  for (const std::string& name : dns.filter.include) {
    const std::string_view shown = std::string_view(name).substr(name.starts_with('.') ? 1 : 0);
    const auto meets = [shown](const std::string& zone) {
      return doors::externaldns::is_within(shown, zone) || doors::externaldns::is_within(zone, shown);
    };
    if (!dns.zones.empty() && std::ranges::none_of(dns.zones, meets))
      return wrong(*reader.find("filter"), "filter", "include: " + name + " is in none of the door's zones");
  }
  CLV_TRY_VOID(read_create_zones(reader, dns));
  if (const Document* node = reader.find("node")) {
    auto name = parse_zone(CLV_TRY(base::read_string(*node, "node")));
    if (!name.has_value()) return wrong(*node, "node", "must be the name of a node of the cluster");
    dns.node = *std::move(name);
  }
  if (const Document* ttl = reader.find("ttl")) CLV_TRY_VOID(read_ttl(*ttl, dns));
  CLV_TRY_VOID(read_delete_share(reader, dns));
  dns.allow_mass_delete = CLV_TRY(reader.boolean_or("allow_mass_delete", false));
  dns.parallel = static_cast<unsigned>(CLV_TRY(reader.number_or("parallel", dns.parallel, 1, 64)));
  CLV_TRY_VOID(read_deadline(reader, dns));
  dns.dry_run = CLV_TRY(reader.boolean_or("dry_run", false));
  return ok();
}

Result<DoorConfig> read_door(const Document& node) {
  ObjectReader reader = CLV_TRY(ObjectReader::of(node, "door"));
  DoorConfig door;
  door.name = CLV_TRY(required_name(reader, "name"));
  const Document* const kind = CLV_TRY(reader.required("kind"));
  if (CLV_TRY(base::read_string(*kind, "kind")) != "externaldns")
    return wrong(*kind, "kind", "must be externaldns");
  CLV_TRY_VOID(read_listeners(reader, door));
  door.principal = CLV_TRY(required_name(reader, "principal"));
  CLV_TRY_VOID(read_dns(reader, door.dns));
  CLV_TRY_VOID(reader.finish());
  return door;
}

bool share_a_port(const std::optional<net::Endpoint>& one, const std::optional<net::Endpoint>& other) {
  if (!one || !other || one->port == 0 || one->port != other->port) return false;
  const auto is_any = [](const net::Endpoint& endpoint) {
    const std::string text = net::format_endpoint(endpoint);
    return text.starts_with("0.0.0.0:") || text.starts_with("[::]:");
  };
  return *one == *other || is_any(*one) || is_any(*other);
}

Result<void> check_apart(const DoorConfig& one, const DoorConfig& other, const Document& at) {
  if (one.name == other.name)
    return base::invalid_at(at.place, "there are two doors of the name " + one.name);
  for (const auto& mine : {std::optional(one.listen), one.health})
    for (const auto& theirs : {std::optional(other.listen), other.health})
      if (share_a_port(mine, theirs))
        return base::invalid_at(at.place, "doors " + other.name + " and " + one.name + " both listen on " +
                                              net::format_endpoint(*mine) + " (listen, health)");
  return ok();
}

}  // namespace

Result<std::vector<DoorConfig>> read_doors(const Document& node) {
  if (node.type != Document::Type::kList) return wrong(node, "doors", "must be a list");
  if (node.items.size() > kMostDoors) return wrong(node, "doors", "may be 16 at the most");
  std::vector<DoorConfig> all;
  for (const Document& item : node.items) {
    DoorConfig door = CLV_TRY(read_door(item));
    if (share_a_port(door.listen, door.health))
      return base::invalid_at(item.place, "door " + door.name + ": listen and health are the same address");
    for (const DoorConfig& other : all) CLV_TRY_VOID(check_apart(door, other, item));
    all.push_back(std::move(door));
  }
  return all;
}

}  // namespace claviger::server
