// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace claviger::http {

// Writes a head into memory of the caller's. Overflow is remembered, not written: check `fits()` once at
// the end. Values must be free of CR, LF and NUL; all that come from a parsed head are.
class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> out) noexcept : out_(out) {}

  void append(std::string_view text) noexcept {
    if (text.empty()) return;  // memcpy takes no null pointer
    if (text.size() > out_.size() - used_) {
      overflow_ = true;
      return;
    }
    std::memcpy(out_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void append(char c) noexcept { append(std::string_view(&c, 1)); }
  void append_number(std::uint64_t number) noexcept;

  void field(std::string_view name, std::string_view value) noexcept {
    append(name);
    append(": ");
    append(value);
    append("\r\n");
  }
  void field(std::string_view name, std::uint64_t value) noexcept;
  // "HTTP/1.1 200 OK\r\n"; the reason of RFC 9110 when `reason` is empty.
  void status_line(unsigned status, std::string_view reason) noexcept;
  void end() noexcept { append("\r\n"); }

  // Room for `size` bytes that the caller fills in (a secret, opened in place). Empty when it does not fit.
  std::span<char> reserve(std::size_t size) noexcept {
    if (size > out_.size() - used_) {
      overflow_ = true;
      return {};
    }
    const std::span<char> room = out_.subspan(used_, size);
    used_ += size;
    return room;
  }

  // Room at the far end, out of the writer's reach until it is given back: to work in. Empty when there is not so much; the
  // caller wipes it. Requires (of give_back_tail): it was the last one lent.
  std::span<char> lend_tail(std::size_t size) noexcept {
    if (size > out_.size() - used_) {
      overflow_ = true;
      return {};
    }
    const std::span<char> tail = out_.last(size);
    out_ = out_.first(out_.size() - size);
    return tail;
  }
  void give_back_tail(std::span<char> tail) noexcept { out_ = {out_.data(), out_.size() + tail.size()}; }
  // Takes away, and wipes, what was written behind the first `size` bytes. Requires: size <= this->size().
  void take_back(std::size_t size) noexcept;

  bool fits() const noexcept { return !overflow_; }
  std::size_t size() const noexcept { return used_; }
  std::string_view text() const noexcept { return {out_.data(), used_}; }

 private:
  std::span<char> out_;
  std::size_t used_ = 0;
  bool overflow_ = false;
};

// The standard reason phrase, "" for unknown ones.
std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace claviger::http
