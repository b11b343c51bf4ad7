// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "crypto/hash.h"

namespace claviger::audit {

// The way of one thread's events to the writer: a queue in memory that neither side waits for.
//
// The event's leaf is hashed by whoever appends it, so that the writer only orders, adds tree nodes, writes and syncs.
// append() never fails: whoever wants to do something that will have to be recorded asks has_room() before, and waits
// or refuses when there is none. What is under way then may still append, so a lane exceeds its limit by as much as
// the calls in flight need.
//
// Threads: append() and has_room() on its owner's; the writer takes from the other end. No lock, and no system call or
// allocation in append() but when the lane grows (and it keeps what it grew to).
class Lane {
 public:
  static constexpr std::size_t kMaxEvent = 8192;  // bytes of a line, without its line end

  virtual ~Lane() = default;

  // False when the lane is full, or what lies in it could not be made durable for longer than the group window allows.
  virtual bool has_room() const noexcept = 0;

  // Room for one event, formatted in place: exactly kMaxEvent bytes. Valid until added().
  virtual std::span<char> room() noexcept = 0;
  // `size` bytes of room() are one JSON object, without line end. `outbox`: the entry of the store's outbox that it is, 0 for none.
  virtual void added(std::size_t size, std::uint64_t outbox = 0) noexcept = 0;
  // The same for text that is there already. Requires: event.size() <= kMaxEvent.
  void append(std::string_view event, std::uint64_t outbox = 0) noexcept;

  // Events appended so far, and how many of them are on disk, synced. Threads: any.
  virtual std::uint64_t appended() const noexcept = 0;
  virtual std::uint64_t synced() const noexcept = 0;
};

}  // namespace claviger::audit
