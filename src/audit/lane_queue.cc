// SPDX-License-Identifier: Apache-2.0
#include "audit/lane_queue.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace claviger::audit {

struct LaneQueue::Chunk {
  static constexpr std::size_t kText = std::size_t{224} << 10;
  static constexpr std::uint32_t kEvents = 640;
  struct Mark {
    std::uint64_t outbox;
    std::uint64_t call;
    std::uint32_t end;  // of the text, line end included
    CallMark::Kind kind;
  };

  std::atomic<Chunk*> next{nullptr};  // set when the chunk is full, after `count` got its last value
  std::uint32_t count = 0;            // the producer's until then
  std::uint32_t used = 0;             // the producer's: bytes of text
  std::array<Mark, kEvents> marks;
  std::array<char, kText> text;

  // User-provided: else making one would zero all of it.
  Chunk() noexcept {}  // NOLINT(modernize-use-equals-default)
  bool has_room() const noexcept { return count < kEvents && kText - used >= kMaxLine + 1; }
};

std::chrono::milliseconds Pressure::lag(Monotonic now) const noexcept {
  const std::int64_t since = since_.load(std::memory_order_relaxed);
  if (since == kNever) return std::chrono::milliseconds(0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch() -
                                                               Monotonic::duration(since));
}

void Lane::append(std::string_view event, std::uint64_t outbox, CallMark mark) noexcept {
  CLV_CHECK(event.size() <= kMaxEvent);
  std::memcpy(room().data(), event.data(), event.size());
  added(event.size(), outbox, mark);
}

LaneQueue::LaneQueue(const Pressure& pressure, std::size_t limit, LaneOptions options, WriterBell* bell)
    : pressure_(pressure),
      limit_(limit),
      options_(std::move(options)),
      bell_(bell),
      filling_(new Chunk),
      taking_(filling_),
      oldest_(filling_) {}

LaneQueue::~LaneQueue() {
  const auto drop = [](Chunk* chunk) {
    while (chunk != nullptr) delete std::exchange(chunk, chunk->next.load(std::memory_order_relaxed));
  };
  drop(oldest_);
  drop(spare_.load(std::memory_order_acquire));
}

bool LaneQueue::has_room(Monotonic now) const noexcept {
  const std::uint64_t waiting = appended_bytes_ - synced_bytes_.load(std::memory_order_relaxed);
  // A stall counts for lanes that are empty too: the writer finds out by itself when the disk is well again.
  return waiting < limit_ && !pressure_.is_stalled(now) && !is_short_of_space();
}

std::span<char> LaneQueue::room() noexcept {
  if (!filling_->has_room()) {
    Chunk* const fresh = fresh_chunk();
    filling_->next.store(fresh, std::memory_order_release);
    filling_ = fresh;
  }
  return {filling_->text.data() + filling_->used, kMaxEvent};
}

void LaneQueue::added(std::size_t size, std::uint64_t outbox, CallMark of_call) noexcept {
  char* const start = filling_->text.data() + filling_->used;
  if (outbox != 0) size = append_outbox({start, kMaxLine}, size, outbox);
  const std::string_view line(start, size);
  CLV_CHECK(filling_->has_room() && is_line(line));
  start[size] = '\n';
  Chunk::Mark& mark = filling_->marks[filling_->count];
  mark.outbox = outbox;
  mark.call = of_call.id;
  mark.kind = of_call.kind;
  filling_->used += static_cast<std::uint32_t>(size + 1);
  mark.end = filling_->used;
  ++filling_->count;
  appended_bytes_ += size + 1;
  appended_.store(appended_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void LaneQueue::hurry() noexcept {
  wanted_.store(appended_.load(std::memory_order_relaxed));
  if (bell_ != nullptr) bell_->ring();
}

LaneQueue::Chunk* LaneQueue::fresh_chunk() {
  Chunk* const spare = spare_.exchange(nullptr, std::memory_order_acquire);
  if (spare == nullptr) return new Chunk;
  if (Chunk* const rest = spare->next.load(std::memory_order_relaxed)) put_back(rest);
  spare->next.store(nullptr, std::memory_order_relaxed);
  spare->count = spare->used = 0;
  return spare;
}

// A chain of chunks onto the stack.
void LaneQueue::put_back(Chunk* first) noexcept {
  Chunk* last = first;
  while (Chunk* const next = last->next.load(std::memory_order_relaxed)) last = next;
  Chunk* top = spare_.load(std::memory_order_relaxed);
  do last->next.store(top, std::memory_order_relaxed);
  while (!spare_.compare_exchange_weak(top, first, std::memory_order_release, std::memory_order_relaxed));
}

std::string_view LaneQueue::Piece::line(std::uint32_t event) const noexcept {
  const std::uint32_t at = begin(event);
  return text.substr(at, begin(event + 1) - at - 1);
}

std::uint64_t LaneQueue::Piece::outbox(std::uint32_t event) const noexcept {
  return chunk->marks[first + event].outbox;
}

CallMark LaneQueue::Piece::mark(std::uint32_t event) const noexcept {
  const Chunk::Mark& mark = chunk->marks[first + event];
  return {mark.call, mark.kind};
}

std::uint32_t LaneQueue::Piece::begin(std::uint32_t event) const noexcept {
  const auto begin_of = [this](std::uint32_t number) {
    return number == 0 ? 0 : chunk->marks[number - 1].end;
  };
  return begin_of(first + event) - begin_of(first);
}

std::optional<LaneQueue::Piece> LaneQueue::take(std::size_t bytes) noexcept {
  const std::uint64_t there = appended();
  if (taken_ == there) return std::nullopt;
  Chunk* const next = taking_->next.load(std::memory_order_acquire);
  // Without a `next`, all that was published by now lies in this chunk: `next` is set before anything behind it is published.
  const std::uint64_t of_chunk = next == nullptr ? taken_of_chunk_ + (there - taken_) : taking_->count;
  Piece piece{.lane = this, .chunk = taking_, .first = taken_of_chunk_};
  const std::uint32_t begin = taken_of_chunk_ == 0 ? 0 : taking_->marks[taken_of_chunk_ - 1].end;
  std::uint32_t end = begin;
  while (taken_of_chunk_ < of_chunk && end - begin < bytes) end = taking_->marks[taken_of_chunk_++].end;
  piece.text = std::string_view(taking_->text.data() + begin, end - begin);
  piece.events = taken_of_chunk_ - piece.first;
  taken_ += piece.events;
  if (next != nullptr && taken_of_chunk_ == of_chunk) {
    piece.ends_chunk = true;
    taking_ = next;
    taken_of_chunk_ = 0;
    most_used_ = std::max(most_used_, ++used_);
  }
  return piece;
}

void LaneQueue::durable(const Piece& piece) noexcept {
  synced_bytes_.fetch_add(piece.text.size(), std::memory_order_relaxed);
  synced_.fetch_add(piece.events);
  if (!piece.ends_chunk) return;
  CLV_CHECK(piece.chunk == oldest_);
  oldest_ = piece.chunk->next.load(std::memory_order_relaxed);
  piece.chunk->next.store(nullptr, std::memory_order_relaxed);
  put_back(piece.chunk);
  --used_;
}

void LaneQueue::tell() {
  const std::uint64_t wanted = wanted_.load();
  if (wanted <= told_) return;
  told_ = std::min(wanted, synced_.load(std::memory_order_relaxed));
  if (options_.on_progress) options_.on_progress();
}

void LaneQueue::trim() noexcept {
  const std::size_t keep = std::exchange(most_used_, used_) - used_;
  Chunk* chunk = spare_.exchange(nullptr, std::memory_order_acquire);
  Chunk* kept = nullptr;
  for (std::size_t i = 0; chunk != nullptr; ++i) {
    Chunk* const next = chunk->next.load(std::memory_order_relaxed);
    if (i < keep) chunk->next.store(kept, std::memory_order_relaxed), kept = chunk;
    else delete chunk;
    chunk = next;
  }
  if (kept != nullptr) put_back(kept);
}

}  // namespace claviger::audit
