// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include "base/result.h"
#include "credentials/echo_masker.h"
#include "gateway/call.h"
#include "gateway/secret_scratch.h"
#include "gateway/worker.h"
#include "http/message.h"

namespace claviger::gateway {

// Overwrites a call's credential in the answer to it, where the upstream's settings do not say otherwise, and keeps count of that in
// the call. One for each attempt.
//
// Threads: its worker's. Secrets: opened into arena scratch while a piece is compared with them, no longer.
class AnswerMask final : private credentials::OpenRoom {
 public:
  using Released = credentials::EchoMasker::Released;

  // Of the token that the call carries, too. Requires: the call keeps it for as long.
  AnswerMask(Worker& worker, Call& call) noexcept;

  bool is_on() const noexcept { return masker_.is_looking(); }

  // kUpstreamFailed when the answer's body could not be searched: it is coded, or a part of the whole, though neither was asked for.
  Result<void> check(const http::ResponseHead& answer) const noexcept;
  // A head, as it goes to the caller. An Error: it must not.
  Result<void> mask_head(std::span<char> head);
  // A piece of the body: what may go on.
  Result<Released> mask_body(std::span<char> piece, bool is_last);
  // Whether something of it is kept that goes on when nothing more comes for kPause; and what of it does.
  static constexpr std::chrono::milliseconds kPause{50};
  bool is_waiting() const noexcept { return masker_.is_waiting(); }
  Result<Released> settle();

 private:
  std::span<char> take() noexcept override;
  void give_back(std::size_t used) noexcept override;
  Result<Released> mask(std::span<char> text, bool is_last, std::uint64_t& count);
  [[gnu::cold]] void note_openings() noexcept;

  Worker& worker_;
  Call& call_;
  credentials::EchoMasker masker_;
  SecretScratch scratch_;
  std::uint32_t opened_ = 0;  // of masker_.opened(), what the call knows of
};

}  // namespace claviger::gateway
