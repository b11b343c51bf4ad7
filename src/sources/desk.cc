// SPDX-License-Identifier: Apache-2.0
#include "sources/desk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sources/aws_reader.h"
#include "sources/desk_parts.h"
#include "sources/vault_reader.h"

namespace claviger::sources {
namespace {

using std::chrono::milliseconds;
using vault::SourceKind;

std::string place_key(const vault::SecretReference& reference) {
  return std::string(source_name(reference.kind)) + ":" + reference.place;
}

}  // namespace

SourceDesk::SourceDesk(Options options, const http::FetchSurroundings& around, vault::ProcessKey& key,
                       vault::SecretSources& secrets)
    : options_(std::move(options)), around_(around), key_(key), secrets_(secrets), timer_(around.loop) {}

SourceDesk::~SourceDesk() = default;

Result<std::unique_ptr<SourceDesk>> SourceDesk::create(Options options, const http::FetchSurroundings& around,
                                                       vault::ProcessKey& key,
                                                       vault::SecretSources& secrets) {
  std::unique_ptr<SourceDesk> desk(new SourceDesk(std::move(options), around, key, secrets));
  if (desk->options_.vault) desk->vault_ = CLV_TRY(VaultReader::create(*desk->options_.vault, secrets, key));
  if (desk->options_.aws) desk->aws_ = CLV_TRY(AwsReader::create(*desk->options_.aws, secrets));
  return desk;
}

Result<void> SourceDesk::check_allowed(std::string_view from,
                                       std::span<const std::string> destinations) const {
  const auto reference = CLV_TRY(vault::SecretReference::parse(from));
  return options_.allowed.check(reference, destinations);
}

Reader* SourceDesk::reader_of(SourceKind kind) const noexcept {
  if (kind == SourceKind::kVault) return vault_.get();
  return kind == SourceKind::kAwsSecret ? aws_.get() : nullptr;
}

milliseconds SourceDesk::keep_of(SourceKind kind) const noexcept {
  const Reader* const reader = reader_of(kind);
  return reader != nullptr ? reader->pace().keep : options_.file.keep;
}

SourceDesk::Value* SourceDesk::find(std::string_view from) const noexcept {
  const auto found = values_.find(from);
  return found != values_.end() ? found->second.get() : nullptr;
}

// --- What is wanted ------------------------------------------------------------------------------

void SourceDesk::want(std::string_view from) {
  if (find(from) != nullptr) return;
  const auto reference = vault::SecretReference::parse(from);
  if (!reference.has_value()) return;  // read() says so
  auto& place = places_[place_key(*reference)];
  if (place == nullptr) {
    place = std::make_unique<Place>();
    place->kind = reference->kind;
    place->where = reference->place;
  }
  auto value = std::make_unique<Value>();
  value->from = from;
  value->part = reference->part;
  value->place = place.get();
  place->values.push_back(value.get());
  Value& wanted = *value;
  values_.emplace(from, std::move(value));
  if (!reference->is_remote()) {
    (void)read_local(*place);
    take(from);  // nobody has another one yet
  } else if (reader_of(reference->kind) == nullptr) {
    set_fault(wanted, "the configuration file says nothing of it (sources." +
                          std::string(source_name(reference->kind)) + ")");
  } else {
    place->due = around_.loop.now();
    if (hooks_.offered) timer_.start(kSoon, [this] { look(); });
  }
}

void SourceDesk::keep_only(const std::set<std::string, std::less<>>& froms) {
  for (auto& [key, place] : places_)
    std::erase_if(place->values, [&](const Value* value) { return !froms.contains(value->from); });
  std::erase_if(values_, [&](const auto& each) { return !froms.contains(each.first); });
  // One that is being read is let finish, and goes with the next.
  std::erase_if(places_,
                [](const auto& each) { return each.second->values.empty() && !each.second->is_busy; });
}

// --- Values --------------------------------------------------------------------------------------

Result<base::SecretBytes> SourceDesk::open(const vault::Sealed& sealed) const {
  auto text = CLV_TRY(base::SecretBytes::allocate(key_.arena(), sealed.plain_size()));
  auto opener = CLV_TRY(key_.make_opener());
  CLV_TRY_VOID(opener.open(sealed, text.reveal()));
  return text;
}

bool SourceDesk::is_same(const std::optional<vault::Sealed>& sealed, const base::SecretBytes& bytes) const {
  if (!sealed || sealed->plain_size() != bytes.size()) return false;
  const auto opened = open(*sealed);
  return opened.has_value() && std::memcmp(opened->reveal().data(), bytes.reveal().data(), bytes.size()) == 0;
}

template <class Change>
void SourceDesk::reporting(Value& value, Change&& change) {
  const ValueState before = state_of(value);
  change();
  if (!hooks_.report) return;
  const ValueState now = state_of(value);
  if (before.fault.empty() != now.fault.empty() || before.version != now.version ||
      before.has_value != now.has_value)
    hooks_.report(before, now);
}

void SourceDesk::offer(Value& value, const base::SecretBytes& bytes) {
  value.read = around_.loop.clock().wall();
  if (is_same(value.good, bytes)) {
    value.good_at = around_.loop.clock().monotonic();
    value.offered.reset();
    value.refused.reset();
    return reporting(value, [&] { value.fault.clear(); });
  }
  if (is_same(value.offered, bytes) || is_same(value.refused, bytes)) return;
  value.offered = key_.seal(bytes.reveal(), value.from);
  // Whoever builds the first world tries on all there is.
  if (hooks_.offered) hooks_.offered(value.from);
  else take(value.from);
}

bool SourceDesk::is_due(std::string_view from) const noexcept {
  const Value* const value = find(from);
  return value != nullptr && (value->offered || !value->good);
}

void SourceDesk::try_on(std::string_view from) {
  if (Value* const value = find(from)) value->is_tried = value->offered.has_value();
}

void SourceDesk::put_back(std::string_view from) {
  if (Value* const value = find(from)) value->is_tried = false;
}

void SourceDesk::take(std::string_view from) {
  Value* const value = find(from);
  if (value == nullptr || !value->offered) return;
  reporting(*value, [&] {
    value->good = std::exchange(value->offered, std::nullopt);
    value->refused.reset();
    value->is_tried = false;
    ++value->version;
    value->changed = around_.loop.clock().wall();
    value->good_at = around_.loop.clock().monotonic();
    value->fault.clear();
  });
}

void SourceDesk::refuse(std::string_view from, std::string why) {
  Value* const value = find(from);
  if (value == nullptr || !value->offered) return;
  value->refused = std::exchange(value->offered, std::nullopt);
  value->is_tried = false;
  set_fault(*value, "its new value is not taken: " + std::move(why));
}

void SourceDesk::set_fault(Value& value, std::string_view why) {
  reporting(value, [&] {
    if (value.fault.empty() || value.failing_since == WallTime{})
      value.failing_since = around_.loop.clock().wall();
    value.fault = why;
  });
}

void SourceDesk::lose(Value& value) {
  reporting(value, [&] { value.good.reset(); });
}

Result<base::SecretBytes> SourceDesk::read(std::string_view from) const {
  const Value* const value = find(from);
  if (value == nullptr) return Error(Code::kInvalid, Blame::kOperator, "its source is not known");
  if (value->is_tried && value->offered) return open(*value->offered);
  if (value->good) return open(*value->good);
  const bool is_remote =
      value->place->kind == SourceKind::kVault || value->place->kind == SourceKind::kAwsSecret;
  if (!is_remote) return Error::formatted(Code::kInvalid, Blame::kOperator, value->fault);
  return Error::formatted(Code::kNoCredential, Blame::kOperator,
                          "has no value from " + value->from + ": " +
                              (value->fault.empty() ? "it was not read yet" : value->fault));
}

std::uint32_t SourceDesk::version(std::string_view from) const noexcept {
  const Value* const value = find(from);
  if (value == nullptr) return 0;
  if (value->is_tried) return value->version + 1;
  return value->good ? value->version : 0;
}

WallTime SourceDesk::changed(std::string_view from) const noexcept {
  const Value* const value = find(from);
  if (value == nullptr) return {};
  return value->is_tried ? value->read : value->changed;
}

ValueState SourceDesk::state_of(const Value& value) const {
  ValueState state{.from = value.from,
                   .kind = value.place->kind,
                   .version = value.version,
                   .changed = value.changed,
                   .read = value.read,
                   .fault = value.fault,
                   .failing_since = value.fault.empty() ? WallTime{} : value.failing_since,
                   .good_until = {},
                   .has_value = value.good.has_value()};
  if (value.good && !value.fault.empty()) {
    const Monotonic until = std::min(value.good_at + keep_of(value.place->kind), value.place->lease_ends);
    state.good_until = around_.loop.clock().wall() + std::chrono::duration_cast<WallTime::duration>(
                                                         until - around_.loop.clock().monotonic());
  }
  return state;
}

std::vector<ValueState> SourceDesk::states() const {
  std::vector<ValueState> all;
  for (const auto& [from, value] : values_) all.push_back(state_of(*value));
  return all;
}

std::optional<ValueState> SourceDesk::state(std::string_view from) const {
  const Value* const value = find(from);
  return value != nullptr ? std::optional(state_of(*value)) : std::nullopt;
}

}  // namespace claviger::sources
