// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/testing/fake_technitium.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "net/pause.h"

namespace claviger::doors::externaldns::testing {
namespace {

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::map<std::string, std::string> form_of(std::string_view body) {
  std::map<std::string, std::string> form;
  while (!body.empty()) {
    const std::string_view field = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(field.size() + 1, body.size()));
    const std::size_t equals = std::min(field.find('='), field.size());
    const std::string value = decoded(field.substr(std::min(equals + 1, field.size())));
    if (!value.empty()) form[std::string(field.substr(0, equals))] = value;
  }
  return form;
}

std::string at(const std::map<std::string, std::string>& form, const std::string& name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : found->second;
}

std::string quoted(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

std::string ok_with(std::string_view response) {
  return fmt::format(R"({{"response":{{{}}},"server":"fake","status":"ok"}})", response);
}
std::string error(std::string_view message) {
  return fmt::format(R"({{"status":"error","errorMessage":{},"stackTrace":"at X"}})", quoted(message));
}

std::string value_of(const std::map<std::string, std::string>& form) {
  const std::string type = at(form, "type");
  if (type == "A" || type == "AAAA") return at(form, "ipAddress");
  if (type == "CNAME") return at(form, "cname");
  if (type == "TXT") return at(form, "text");
  if (type == "MX") return at(form, "preference") + " " + at(form, "exchange");
  return {};
}

std::string rdata_of(const FakeTechnitium::Record& record) {
  if (record.type == "A" || record.type == "AAAA")
    return fmt::format(R"("ipAddress":{})", quoted(record.value));
  if (record.type == "CNAME") return fmt::format(R"("cname":{})", quoted(record.value));
  if (record.type == "TXT")
    return fmt::format(R"("text":{},"splitText":false,"characterStrings":[{}])", quoted(record.value),
                       quoted(record.value));
  if (record.type == "MX") {
    const std::size_t space = record.value.find(' ');
    return fmt::format(R"("preference":{},"exchange":{})", record.value.substr(0, space),
                       quoted(record.value.substr(space + 1)));
  }
  return R"("value":"00:01")";
}

// As a caller has it: in pieces, where that was asked for.
Result<ApiAnswer> hand_over(Result<ApiAnswer> answer, const ApiRequest& request) {
  if (!answer.has_value() || answer->status != 200 || !request.on_body) return answer;
  const std::string body = std::exchange(answer->body, {});
  for (std::size_t i = 0; i < body.size(); i += 37)
    CLV_TRY_VOID(request.on_body(std::string_view(body).substr(i, 37)));
  return answer;
}

}  // namespace

FakeTechnitium::FakeTechnitium(net::Loop& loop) : loop_(loop) {
  nodes["a"] = {.zones = {{"example.com", "Primary"}}};
  zones["example.com"] = {};
}

const FakeTechnitium::Node* FakeTechnitium::node_of(const ApiRequest& request, const Form& form) const {
  const Node& direct = nodes.at(std::string(request.upstream));
  const std::string by_way = at(form, "node");
  if (by_way.empty() || direct.name == by_way) return &direct;
  for (const auto& [upstream, node] : nodes) {
    if (node.name == by_way) return &node;
  }
  return nullptr;
}

net::Task<Result<ApiAnswer>> FakeTechnitium::send(ApiRequest request) {
  Form form = form_of(request.form);
  const std::string call = fmt::format(
      "{}{} {} {} {} {}", request.upstream, form.contains("node") ? "/" + form["node"] : "",
      request.path.substr(request.path.rfind('/') + 1),
      at(form, "domain") + at(form, form.contains("domain") ? "" : "zone"), at(form, "type"), value_of(form));
  calls.push_back(call.substr(0, call.find_last_not_of(' ') + 1));
  const std::string called = calls.back();
  most_at_once = std::max(most_at_once, ++at_once_);
  const bool is_late = delay.count() > 0 && request.until - loop_.now() < delay;
  if (is_late)
    co_await net::Pause(loop_, std::chrono::ceil<std::chrono::milliseconds>(request.until - loop_.now()));
  else if (delay.count() > 0) co_await net::Pause(loop_, delay);
  else co_await loop_.yield();
  --at_once_;
  if (is_late) co_return Error(Code::kTimeout, Blame::kUpstream, "too slow");
  if (nodes.at(std::string(request.upstream)).is_down)
    co_return Error(Code::kUpstreamFailed, Blame::kUpstream, "connection refused");
  if (instead) {
    if (auto other = instead(called)) co_return hand_over(*std::move(other), request);
  }
  const Node* const node = node_of(request, form);
  const std::string body = node == nullptr ? error("No such node.") : answer(*node, request.path, form);
  if (afterwards) {
    if (auto other = afterwards(called)) co_return hand_over(*std::move(other), request);
  }
  const std::string request_id = fmt::format("{:032x}", calls.size());
  co_return hand_over(ApiAnswer{.status = 200, .body = body, .error_code = {}, .request_id = request_id},
                      request);
}

std::string FakeTechnitium::answer(const Node& node, std::string_view path, Form& form) {
  if (path == "/api/zones/list") return list_zones(node);
  if (path == "/api/zones/create") {
    if (zones.contains(form["zone"])) return error("Zone already exists: " + form["zone"]);
    zones[form["zone"]] = {};
    for (auto& [name, other] : nodes) other.zones[form["zone"]] = &other == &node ? "Primary" : "Secondary";
    return ok_with(R"("domain":"x")");
  }
  const std::string zone = form["zone"];
  if (!node.zones.contains(zone)) return error("No such zone was found: " + zone);
  if (path == "/api/zones/records/get") return get(node, form);
  if (node.zones.at(zone) != "Primary") return error("Cannot add record in Secondary zone.");
  std::vector<Record>& records = zones.at(zone);
  if (path == "/api/zones/records/add") return add(records, form);
  if (path == "/api/zones/records/update") return update(records, form);
  return remove(records, form);
}

std::string FakeTechnitium::list_zones(const Node& node) const {
  std::string listed = R"({"name":"localhost","type":"Primary","internal":true})";
  for (const auto& [name, type] : node.zones)
    listed += fmt::format(R"(,{{"name":{},"type":{},"internal":false,"disabled":false,"catalog":null}})",
                          quoted(name), quoted(type));
  return ok_with(fmt::format(R"("pageNumber":1,"zones":[{}])", listed));
}

std::string FakeTechnitium::get(const Node& node, const Form& form) const {
  const std::string zone = at(form, "zone");
  std::string listed = fmt::format(
      R"({{"name":{0},"type":"SOA","ttl":900,"rData":{{"serial":3,"expire":604800,"x":[{{"y":null}}]}}}},
      {{"name":{0},"type":"NS","ttl":900,"rData":{{"nameServer":"ns1"}},"glueRecords":["192.0.2.53"]}})",
      quoted(zone));
  for (const Record& record : zones.at(zone)) {
    if (at(form, "listZone") != "true" && record.name != at(form, "domain")) continue;
    listed += fmt::format(
        R"(,{{"disabled":{},"name":{},"type":"{}","ttl":{},"rData":{{{}}},"comments":{},"dnssecStatus":"Unknown","expiryTtl":0}})",
        record.is_disabled, quoted(record.name), record.type, record.ttl, rdata_of(record),
        quoted(record.comments));
  }
  return ok_with(fmt::format(R"("zone":{{"name":{},"type":{},"internal":false}},"records":[{}])",
                             quoted(zone), quoted(node.zones.at(zone)), listed));
}

std::string FakeTechnitium::add(std::vector<Record>& records, const Form& form) {
  const Record made{.name = at(form, "domain"),
                    .type = at(form, "type"),
                    .ttl = static_cast<unsigned>(std::stoul(at(form, "ttl"))),
                    .value = value_of(form),
                    .comments = at(form, "comments")};
  const auto is_of_set = [&made](const Record& record) {
    return record.name == made.name && record.type == made.type;
  };
  const auto is_at_name = [&made](const Record& record) { return record.name == made.name; };
  const bool overwrites = at(form, "overwrite") == "true";
  const bool has_cname = std::ranges::any_of(
      records, [&](const Record& record) { return is_at_name(record) && record.type == "CNAME"; });
  if (made.type != "CNAME" ? has_cname : std::ranges::any_of(records, [&](const Record& r) {
        return is_at_name(r) && r.type != "CNAME";
      }))
    return error(
        "Cannot add record: a CNAME record cannot exists with other record types for the same name.");
  if (overwrites) std::erase_if(records, is_of_set);
  if (made.type == "CNAME" && has_cname && !overwrites)
    return error("Record already exists. Use overwrite option if you wish to overwrite existing record.");
  for (Record& record : records) {
    if (!is_of_set(record)) continue;
    if (record.value == made.value) return error("Cannot add record: record already exists.");
    if (record.ttl != made.ttl) record.comments.clear();
    record.ttl = made.ttl;
  }
  records.push_back(made);
  return ok_with(R"("addedRecord":{})");
}

std::string FakeTechnitium::update(std::vector<Record>& records, const Form& form) {
  for (Record& record : records) {
    if (record.name != at(form, "domain") || record.type != at(form, "type") ||
        record.value != value_of(form))
      continue;
    record.ttl = static_cast<unsigned>(std::stoul(at(form, "ttl")));
    record.comments = at(form, "comments");
    record.is_disabled = at(form, "disable") == "true";
    return ok_with(R"("updatedRecord":{})");
  }
  return error("Cannot update record: the record does not exists to be updated.");
}

std::string FakeTechnitium::remove(std::vector<Record>& records, const Form& form) {
  const std::size_t gone = std::erase_if(records, [&form](const Record& record) {
    return record.name == at(form, "domain") && record.type == at(form, "type") &&
           (record.type == "CNAME" || record.value == value_of(form));
  });
  return gone > 0 ? ok_with("") : error("Cannot delete record: no such record exists.");
}

std::vector<std::string> FakeTechnitium::records(const std::string& zone) const {
  std::map<std::string, std::vector<std::string>> sets;
  for (const Record& record : zones.at(zone)) {
    std::string name =
        record.name == zone ? "@" : record.name.substr(0, record.name.size() - zone.size() - 1);
    sets[fmt::format("{} {} {}", name, record.type, record.ttl)].push_back(record.value);
  }
  std::vector<std::string> listed;
  for (auto& [set, values] : sets) {
    std::ranges::sort(values);
    listed.push_back(set);
    for (const std::string& value : values) listed.back() += " " + value;
  }
  return listed;
}

std::vector<std::string> FakeTechnitium::writes() const {
  std::vector<std::string> made;
  std::ranges::copy_if(calls, std::back_inserter(made), [](const std::string& call) {
    return call.find(" list ") == std::string::npos && call.find(" get ") == std::string::npos &&
           !call.ends_with(" list");
  });
  return made;
}

}  // namespace claviger::doors::externaldns::testing
