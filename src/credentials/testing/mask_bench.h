// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "credentials/echo_masker.h"
#include "credentials/testing/bench.h"
#include "net/buffer.h"

namespace claviger::credentials::testing {

// Masks texts with secrets, in pieces.
class MaskBench : private OpenRoom {
 public:
  MaskBench();
  ~MaskBench() override;
  MaskBench(const MaskBench&) = delete;
  MaskBench& operator=(const MaskBench&) = delete;

  EchoMarks marks_of(const std::vector<std::string>& secrets);
  // A masker and what it is given: for tests that look at pieces one at a time.
  EchoMasker masker() { return EchoMasker(buffers_); }
  Opening opening() noexcept { return {opener_, *this}; }

  // All that is released of the text when it comes in pieces of these sizes, the last of which goes on for the rest. "error: ..." when
  // the secrets do not open.
  std::string mask(const EchoMarks& marks, std::string_view text, const std::vector<std::size_t>& sizes) {
    return mask(marks, text, sizes, false);
  }
  // The same with a pause after each piece.
  std::string mask_with_pauses(const EchoMarks& marks, std::string_view text,
                               const std::vector<std::size_t>& sizes) {
    return mask(marks, text, sizes, true);
  }
  // Of the last mask().
  std::uint64_t found() const noexcept { return found_; }
  std::uint32_t opened() const noexcept { return opened_; }
  std::size_t most_kept() const noexcept { return most_kept_; }
  // Whether nothing of an open secret was left behind.
  bool is_wiped() const noexcept;
  void spend_room() noexcept { is_spent_ = true; }
  Bench& bench() noexcept { return bench_; }

 private:
  std::string mask(const EchoMarks& marks, std::string_view text, const std::vector<std::size_t>& sizes,
                   bool pauses);
  std::span<char> take() noexcept override;
  void give_back(std::size_t used) noexcept override;

  Bench bench_;
  vault::Opener opener_;
  net::BufferPool buffers_;
  std::vector<char> room_;
  std::uint64_t found_ = 0;
  std::uint32_t opened_ = 0;
  std::size_t most_kept_ = 0;
  bool is_taken_ = false;
  bool is_spent_ = false;
};

}  // namespace claviger::credentials::testing
