// SPDX-License-Identifier: Apache-2.0
// Of the desk: when and how what is wanted is read.
#include <algorithm>
#include <array>
#include <utility>

#include "crypto/random.h"
#include "sources/desk_parts.h"

namespace claviger::sources {
namespace {

using std::chrono::milliseconds;
using vault::SourceKind;

constexpr milliseconds kLook{1000};
constexpr milliseconds kFirstRetry{1000};
constexpr milliseconds kLastRetry{64'000};

// A tenth more or less, so that what began together does not go on together.
milliseconds jittered(milliseconds time) {
  std::array<std::byte, 2> random{};
  crypto::random_bytes(random);
  const auto part = (static_cast<long>(random[0]) << 8) + static_cast<long>(random[1]);  // of 65536
  return time * 9 / 10 + time * part / (65536L * 5);
}

milliseconds back_off(unsigned failures, milliseconds refresh) {
  const milliseconds doubled = kFirstRetry * (1L << std::min(failures, 6U));
  return jittered(std::min({doubled, kLastRetry, std::max(refresh, kFirstRetry)}));
}

}  // namespace

// --- Files and variables -------------------------------------------------------------------------

Result<void> SourceDesk::read_local(Place& place) {
  SourceCount& counts = counts_[static_cast<std::size_t>(place.kind)];
  const FileStamp stamp = place.kind == SourceKind::kFile ? FileStamp::of(place.where) : FileStamp{};
  const auto bytes = secrets_.read(std::string(source_name(place.kind)) + ":" + place.where);
  ++counts.reads;
  if (!bytes.has_value()) {
    ++counts.failures;
    for (Value* const value : place.values) set_fault(*value, bytes.error().what());
    return bytes.error();
  }
  place.stamp = stamp;
  for (Value* const value : place.values) offer(*value, *bytes);
  return ok();
}

Result<void> SourceDesk::read_anew(std::string_view from) {
  Value* const value = find(from);
  if (value == nullptr) return ok();
  Place& place = *value->place;
  const bool is_local = place.kind == SourceKind::kEnvironment || place.kind == SourceKind::kFile;
  return is_local ? read_local(place) : ok();
}

void SourceDesk::read_soon() {
  for (const auto& [key, place] : places_)
    if (!place->lease) place->due = around_.loop.now();
}

// What changed is read once it has stood still from one look to the next: it may be in the middle of being written.
void SourceDesk::look_at_file(Place& place) {
  const FileStamp now = FileStamp::of(place.where);
  const bool stands_still = now == std::exchange(place.seen, now);
  const bool has_fault = std::ranges::any_of(place.values, [](const Value* v) { return !v->fault.empty(); });
  if (stands_still && (now != place.stamp || has_fault)) (void)read_local(place);
  place.due = around_.loop.now() + options_.file.poll;
}

// --- What lies on the network --------------------------------------------------------------------

net::Task<bool> SourceDesk::renew_lease(Place& place, const http::FetchSurroundings& around) {
  const Lease lease = *place.lease;
  const auto time = co_await reader_of(place.kind)->renew(around, lease);
  // Towards its greatest time it is given ever less: then it is time for another secret.
  if (!time.has_value() || *time < place.first_lease / 3) co_return false;
  place.lease->time = *time;
  place.lease_ends = around.loop.now() + *time;
  place.due = around.loop.now() + jittered(*time * 3 / 5);
  for (Value* const value : place.values) value->good_at = around.loop.clock().monotonic();
  co_return true;
}

net::Task<void> SourceDesk::read_place(Place& place, const http::FetchSurroundings& around) {
  SourceCount& counts = counts_[static_cast<std::size_t>(place.kind)];
  ++counts.reads;
  if (place.lease && place.lease->renewable && co_await renew_lease(place, around)) {
    place.is_busy = false;
    co_return;
  }
  std::vector<std::string> parts;
  for (const Value* const value : place.values) parts.push_back(value->part);
  std::optional<std::chrono::seconds> wait;
  auto reading = co_await reader_of(place.kind)->read(around, place.where, parts, wait);
  place.is_busy = false;
  // Somebody may have come to want more of it, or less, meanwhile.
  const bool is_same = std::ranges::equal(place.values, parts, {}, &Value::part);
  if (!is_same) place.due = around.loop.now();
  else if (reading.has_value()) took(place, *reading);
  else failed(place, reading.error(), wait);
  if (!reading.has_value()) ++counts.failures;
  if (hooks_.offered) timer_.start(kSoon, [this] { look(); });
}

void SourceDesk::took(Place& place, const Reading& reading) {
  const Monotonic now = around_.loop.clock().monotonic();
  place.failures = 0;
  place.lease = reading.lease;
  place.first_lease = reading.lease ? reading.lease->time : std::chrono::seconds(0);
  place.lease_ends = reading.lease ? now + reading.lease->time : Monotonic::max();
  const milliseconds refresh = reader_of(place.kind)->pace().refresh;
  place.due = now + jittered(reading.lease ? milliseconds(reading.lease->time) * 3 / 5 : refresh);
  for (std::size_t i = 0; i < place.values.size(); ++i) {
    Value& value = *place.values[i];
    const auto& bytes = reading.values[i];
    if (bytes.has_value()) {
      offer(value, *bytes);
    } else {
      set_fault(value, bytes.error().what());
      ++place.failures;
    }
  }
  if (place.failures > 0) place.due = std::min(place.due, now + back_off(6, refresh));
}

void SourceDesk::failed(Place& place, const Error& error, std::optional<std::chrono::seconds> wait) {
  const Monotonic now = around_.loop.clock().monotonic();
  milliseconds pause = back_off(place.failures++, reader_of(place.kind)->pace().refresh);
  if (wait) pause = std::max(pause, milliseconds(*wait));
  place.due = now + pause;
  for (Value* const value : place.values) set_fault(*value, error.what());
}

void SourceDesk::begin(Place& place, const http::FetchSurroundings& around) {
  place.is_busy = true;
  place.task = read_place(place, around);
  place.task.handle().resume();
}

// --- Time ----------------------------------------------------------------------------------------

void SourceDesk::drop_what_is_too_old(Place& place) {
  if (place.kind == SourceKind::kEnvironment) return;
  const Monotonic now = around_.loop.now();
  for (Value* const value : place.values) {
    if (!value->good || value->fault.empty()) continue;
    if (now < value->good_at + keep_of(place.kind) && now < place.lease_ends) continue;
    lose(*value);
    if (hooks_.offered) hooks_.offered(value->from);
  }
}

void SourceDesk::look_at(Place& place) {
  if (place.values.empty()) return;
  drop_what_is_too_old(place);
  if (place.is_busy || around_.loop.now() < place.due) return;
  if (place.kind == SourceKind::kFile) return look_at_file(place);
  if (reader_of(place.kind) == nullptr) return;
  // One at a time of each kind: they share a session.
  const bool is_taken = std::ranges::any_of(
      places_, [&](const auto& each) { return each.second->is_busy && each.second->kind == place.kind; });
  if (!is_taken) begin(place, around_);
}

void SourceDesk::look() {
  for (const auto& [key, place] : places_) look_at(*place);
  timer_.start(kLook, [this] { look(); });
}

void SourceDesk::start(Hooks hooks) {
  hooks_ = std::move(hooks);
  look();
}

void SourceDesk::read_at_start() {
  const auto is_waited_for = [this](const Place& place) {
    return reader_of(place.kind) != nullptr &&
           std::ranges::any_of(place.values, [](const Value* value) { return !value->good; });
  };
  if (std::ranges::none_of(places_, [&](const auto& each) { return is_waited_for(*each.second); })) return;
  auto loop = net::Loop::create(around_.loop.clock());
  auto resolver = loop.has_value() ? net::Resolver::create(**loop) : loop.error();
  if (!resolver.has_value()) return;
  net::BufferPool buffers;
  const http::FetchSurroundings around{**loop, **resolver, buffers, around_.arena};
  const Monotonic give_up = around_.loop.clock().monotonic() + options_.wait;
  for (;;) {
    const Monotonic now = around_.loop.clock().monotonic();
    bool waits = false;
    for (const auto& [key, place] : places_) {
      if (!is_waited_for(*place)) continue;
      waits = true;
      const bool is_taken = std::ranges::any_of(places_, [&](const auto& each) {
        return each.second->is_busy && each.second->kind == place->kind;
      });
      if (!is_taken && now >= place->due) begin(*place, around);
    }
    if (!waits || now >= give_up) break;
    (*loop)->turn(milliseconds(20));
  }
  for (const auto& [key, place] : places_) {
    place->task = {};
    place->is_busy = false;
  }
}

}  // namespace claviger::sources
