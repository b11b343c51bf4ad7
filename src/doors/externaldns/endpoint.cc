// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/endpoint.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "base/json.h"
#include "base/json_reader.h"

namespace claviger::doors::externaldns {
namespace {

using List = std::vector<Endpoint> Changes::*;

// Where of a body the reader is. A level of nesting each, but kSkip, which counts its own.
enum class At : std::uint8_t {
  kTop,
  kChanges,
  kList,
  kEndpoint,
  kTargets,
  kLabels,
  kProperties,
  kProperty,
  kSkip
};

Error is_wrong(std::string_view what) {
  return Error::formatted(Code::kBadRequest, Blame::kCaller, fmt::format("the body {}", what));
}

Error is_too_large(std::string_view what) {
  return Error::formatted(Code::kTooLarge, Blame::kCaller, fmt::format("the body has too many {}", what));
}

// Endpoints as they are written: ExternalDNS's names, fields that are empty left out, null for what is absent.
class EndpointSink final : public base::JsonSink {
 public:
  using Each = std::function<Result<void>(List, Endpoint)>;

  EndpointSink(bool is_changes, const Each& each) : is_changes_(is_changes), each_(each) {}

  Result<void> begin_object() override {
    switch (at_) {
      case At::kTop:
        if (is_changes_) return enter(At::kChanges);
        return is_wrong("is no list of endpoints");
      case At::kList:
        if (++endpoints_ > kMostEndpoints) return is_too_large("endpoints");
        endpoint_ = {};
        field_ = Field::kUnknown;
        return enter(At::kEndpoint);
      case At::kEndpoint:
        if (field_ == Field::kLabels) return enter(At::kLabels);
        return skip_or_fail();
      case At::kProperties:
        property_ = {};
        return enter(At::kProperty);
      case At::kSkip:
        ++skipped_;
        return ok();
      default:
        return skip_or_fail();
    }
  }
  Result<void> end_object() override {
    switch (at_) {
      case At::kEndpoint:
        CLV_TRY_VOID(each_(list_, std::exchange(endpoint_, {})));
        return enter(At::kList);
      case At::kLabels:
        return enter(At::kEndpoint);
      case At::kProperty:
        if (!is_changes_ && endpoint_.provider_specific.size() < kMostLabels)
          endpoint_.provider_specific.push_back(std::exchange(property_, {}));
        return enter(At::kProperties);
      case At::kChanges:
        return enter(At::kTop);
      default:
        return leave_skipped();
    }
  }
  Result<void> begin_array() override {
    switch (at_) {
      case At::kTop:
        if (!is_changes_) return enter(At::kList);
        return is_wrong("is no set of changes");
      case At::kChanges:
        if (list_ != nullptr) return enter(At::kList);
        return skip_or_fail();
      case At::kEndpoint:
        if (field_ == Field::kTargets) return enter(At::kTargets);
        if (field_ == Field::kProperties) return enter(At::kProperties);
        return skip_or_fail();
      case At::kSkip:
        ++skipped_;
        return ok();
      default:
        return skip_or_fail();
    }
  }
  Result<void> end_array() override {
    switch (at_) {
      case At::kList:
        return enter(is_changes_ ? At::kChanges : At::kTop);
      case At::kTargets:
      case At::kProperties:
        return enter(At::kEndpoint);
      default:
        return leave_skipped();
    }
  }
  Result<void> key(std::string_view name) override {
    if (at_ == At::kChanges) list_ = list_of(name);
    if (at_ == At::kEndpoint) field_ = field_of(name);
    if (at_ == At::kLabels) label_ = name;
    if (at_ == At::kProperty) field_ = field_of(name);
    return ok();
  }
  Result<void> string(std::string_view text) override {
    switch (at_) {
      case At::kEndpoint:
        return endpoint_text(text);
      case At::kTargets:
        return target(text);
      case At::kLabels:
        if (is_changes_ ? label_ == kOwnedRecordLabel
                        : endpoint_.labels.size() < kMostLabels || endpoint_.labels.contains(label_))
          endpoint_.labels.insert_or_assign(label_, std::string(text));
        return ok();
      case At::kProperty:
        if (field_ == Field::kName) property_.name = text;
        if (field_ == Field::kValue) property_.value = text;
        return ok();
      default:
        return plain("text");
    }
  }
  Result<void> number(std::string_view text) override {
    if (at_ != At::kEndpoint || field_ != Field::kTtl) return plain("a number");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), endpoint_.ttl);
    if (error != std::errc() || end != text.data() + text.size())
      return is_wrong("has a TTL that is no whole number");
    return ok();
  }
  Result<void> boolean(bool) override { return plain("true or false"); }
  // What Go writes for a nil slice, map or pointer.
  Result<void> null() override { return ok(); }

 private:
  enum class Field : std::uint8_t {
    kUnknown,
    kDnsName,
    kTargets,
    kType,
    kSet,
    kTtl,
    kLabels,
    kProperties,
    kName,
    kValue
  };

  static List list_of(std::string_view name) {
    if (name == "create") return &Changes::create;
    if (name == "updateOld") return &Changes::update_old;
    if (name == "updateNew") return &Changes::update_new;
    if (name == "delete") return &Changes::remove;
    return nullptr;
  }
  static Field field_of(std::string_view name) {
    if (name == "dnsName") return Field::kDnsName;
    if (name == "targets") return Field::kTargets;
    if (name == "recordType") return Field::kType;
    if (name == "setIdentifier") return Field::kSet;
    if (name == "recordTTL") return Field::kTtl;
    if (name == "labels") return Field::kLabels;
    if (name == "providerSpecific") return Field::kProperties;
    if (name == "name") return Field::kName;
    if (name == "value") return Field::kValue;
    return Field::kUnknown;
  }

  Result<void> enter(At at) {
    at_ = at;
    return ok();
  }
  // Of what is not known, whatever is in it is passed over; what is known has to be what it is said to be.
  bool is_known() const {
    if (at_ == At::kChanges) return list_ != nullptr;
    if (at_ == At::kEndpoint)
      return field_ != Field::kUnknown && field_ != Field::kName && field_ != Field::kValue;
    if (at_ == At::kProperty) return field_ == Field::kName || field_ == Field::kValue;
    return true;
  }
  Result<void> skip_or_fail() {
    if (is_known()) return is_wrong("has a field of another type than it has to be");
    before_skip_ = std::exchange(at_, At::kSkip);
    skipped_ = 1;
    return ok();
  }
  Result<void> leave_skipped() {
    if (--skipped_ == 0) at_ = before_skip_;
    return ok();
  }
  Result<void> plain(std::string_view what) {
    if (at_ == At::kSkip || !is_known()) return ok();
    return is_wrong(fmt::format("has {} where it cannot be", what));
  }
  Result<void> target(std::string_view text) {
    std::vector<std::string>& targets = endpoint_.targets;
    if (targets.size() == (is_changes_ ? kMostTargets + 1 : kMostHeldTargets)) return ok();
    if (is_changes_ && ++targets_ > kMostChangedTargets) return is_too_large("targets");
    targets.emplace_back(text);
    return ok();
  }
  Result<void> endpoint_text(std::string_view text) {
    if (field_ == Field::kDnsName) endpoint_.dns_name = text;
    else if (field_ == Field::kType) endpoint_.record_type = text;
    else if (field_ == Field::kSet) endpoint_.set_identifier = text;
    else return plain("text");
    return ok();
  }

  const bool is_changes_;
  const Each& each_;
  At at_ = At::kTop;
  At before_skip_ = At::kTop;
  std::size_t skipped_ = 0;  // levels
  std::size_t endpoints_ = 0, targets_ = 0;
  List list_ = nullptr;
  Field field_ = Field::kUnknown;
  Endpoint endpoint_;
  ProviderSpecific property_;
  std::string label_;
};

Result<void> read_body(std::string_view json, EndpointSink& sink) {
  const auto read =
      base::read_json(json, sink, {.depth = 16, .text = std::size_t{1} << 20, .total = kMostWebhookBody});
  if (read.has_value() || read.error().code() != Code::kInvalid) return read;
  return is_wrong(fmt::format("cannot be read: {}", read.error().what()));
}

class Fields {
 public:
  explicit Fields(std::string& out) : out_(out) { out_ += '{'; }
  ~Fields() { out_ += '}'; }
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;
  // The name of the next; its value is appended by who asked.
  std::string& field(std::string_view name) {
    if (!std::exchange(is_first_, false)) out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) base::append_json_string(field(name), value);
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    if (values.empty()) return;
    field(name) += '[';
    for (const std::string& value : values) {
      if (&value != &values.front()) out_ += ',';
      base::append_json_string(out_, value);
    }
    out_ += ']';
  }

 private:
  std::string& out_;
  bool is_first_ = true;
};

}  // namespace

Result<void> read_endpoints(std::string_view json, const std::function<Result<void>(Endpoint)>& each) {
  const EndpointSink::Each one = [&each](List, Endpoint endpoint) { return each(std::move(endpoint)); };
  EndpointSink sink(false, one);
  return read_body(json, sink);
}

Result<std::vector<Endpoint>> parse_endpoints(std::string_view json) {
  std::vector<Endpoint> endpoints;
  CLV_TRY_VOID(read_endpoints(json, [&endpoints](Endpoint endpoint) {
    endpoints.push_back(std::move(endpoint));
    return ok();
  }));
  return endpoints;
}

Result<Changes> parse_changes(std::string_view json) {
  Changes changes;
  const EndpointSink::Each one = [&changes](List list, Endpoint endpoint) {
    (changes.*list).push_back(std::move(endpoint));
    return ok();
  };
  EndpointSink sink(true, one);
  CLV_TRY_VOID(read_body(json, sink));
  return changes;
}

void write_endpoint(std::string& out, const Endpoint& endpoint) {
  Fields fields(out);
  fields.text("dnsName", endpoint.dns_name);
  fields.texts("targets", endpoint.targets);
  fields.text("recordType", endpoint.record_type);
  fields.text("setIdentifier", endpoint.set_identifier);
  if (endpoint.ttl != 0) fields.field("recordTTL") += std::to_string(endpoint.ttl);
  if (!endpoint.labels.empty()) {
    Fields labels(fields.field("labels"));
    for (const auto& [name, value] : endpoint.labels) {
      std::string quoted;
      base::append_json_string(quoted, name);
      base::append_json_string(labels.field(std::string_view(quoted).substr(1, quoted.size() - 2)), value);
    }
  }
  if (!endpoint.provider_specific.empty()) {
    fields.field("providerSpecific") += '[';
    for (const ProviderSpecific& property : endpoint.provider_specific) {
      if (&property != &endpoint.provider_specific.front()) out += ',';
      Fields both(out);
      both.text("name", property.name);
      both.text("value", property.value);
    }
    out += ']';
  }
}

void write_endpoints(std::string& out, std::span<const Endpoint> endpoints) {
  out += '[';
  for (const Endpoint& endpoint : endpoints) {
    if (&endpoint != &endpoints.front()) out += ',';
    write_endpoint(out, endpoint);
  }
  out += ']';
}

void write_domain_filter(std::string& out, const DomainFilter& filter) {
  Fields fields(out);
  fields.texts("include", filter.include);
  fields.texts("exclude", filter.exclude);
  fields.text("regexInclude", filter.regex_include);
  fields.text("regexExclude", filter.regex_exclude);
}

}  // namespace claviger::doors::externaldns
