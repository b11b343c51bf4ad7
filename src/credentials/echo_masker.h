// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "credentials/echo_forms.h"
#include "credentials/echo_marks.h"
#include "net/buffer.h"
#include "vault/process_key.h"

namespace claviger::credentials {

// Where secrets lie open while a text is compared with them.
class OpenRoom {
 public:
  virtual ~OpenRoom() = default;
  // Arena memory, empty when there is none left. It is asked for again only after it was given back.
  virtual std::span<char> take() noexcept = 0;
  // Wipes its first `used` bytes.
  virtual void give_back(std::size_t used) noexcept = 0;
};

struct Opening {
  vault::Opener& opener;
  OpenRoom& room;
};

// Overwrites what must not come back in an answer that goes by in pieces: every echo of a secret, whole, from left to right, of
// two forms that begin at the same place the longer. The result is the same however the answer is cut.
//
// A piece is overwritten where it lies, and goes on but for its end: bytes that may stand in an echo are kept, as many as the longest echo has at
// most, until more has come. So a word waits, and what ends in a line's end, or in a byte that stands in no echo, does not. How much is kept does
// not depend on whether it is the beginning of an echo: who can make an upstream send pieces of his choice could find out a secret byte by byte.
// When nothing more comes for a while, settle() lets go of what is no beginning of an echo, as far as that can be told in blocks of 8 to 16 bytes of
// a secret, which nobody guesses. An echo's beginning of less than a block goes on as well, then; the rest of it is still masked.
//
// What it costs: a look at one place in 13 to 32 bytes. Each secret is opened at most once a piece, and only for text that is as the
// beginning of a form is for 16 to 35 bytes: not for less, since that takes time, which shows. Comparing takes time in the length of the text;
// where a secret repeats itself, and the answer its beginning, it would take much more, and ends in an Error.
//
// Owns: what it keeps, in a buffer that is wiped when given back. Threads: its worker's.
class EchoMasker {
 public:
  static constexpr std::size_t kMostMarks = 2;  // a credential's, and those of the token it got

  explicit EchoMasker(net::BufferPool& buffers) noexcept : kept_(buffers) {}

  // Looks for these as well, which outlive it. Requires: at most kMostMarks that are not empty.
  void look_for(const EchoMarks& marks) noexcept;
  bool is_looking() const noexcept { return count_ > 0; }

  // What may go on, in this order; views that hold until the next call.
  struct Released {
    std::string_view kept;  // of earlier pieces
    std::string_view piece;
    std::size_t size() const noexcept { return kept.size() + piece.size(); }
  };
  // `is_last`: nothing follows, so that nothing is kept. An Error (the secrets could not be opened; kUpstreamFailed: there is too much
  // that begins like one): nothing may go on.
  Result<Released> mask(std::span<char> piece, bool is_last, const Opening& with);

  // Whether something is kept that settle() may let go of.
  bool is_waiting() const noexcept { return !is_settled_ && kept_.filled().size() > released_ + shown_; }
  // Nothing more has come for a while: what of the kept bytes may go on at last.
  Result<Released> settle(const Opening& with);

  std::uint64_t found() const noexcept { return found_; }  // echoes, since it was made
  std::uint32_t opened() const noexcept { return opened_; }  // how often secrets were

 private:
  class Open;
  void drop_released() noexcept;
  Result<std::size_t> first_beginning(std::string_view text, const Opening& with);
  std::size_t next_start(std::string_view text, std::size_t from) const noexcept;
  std::size_t longest_window() const noexcept;
  std::string_view with_beginning_of(std::span<const char> piece);
  std::size_t keep_from(const TwoPieces& text) const noexcept;
  Result<std::size_t> mask_kept(std::span<char> kept, std::span<char> piece, bool is_last, Open& open);
  Result<void> mask_piece(std::span<char> piece, std::size_t from, bool is_last, Open& open);

  std::array<const EchoMarks*, kMostMarks> marks_{};
  std::size_t count_ = 0;
  // Its first released_ bytes have gone on and are forgotten by the next call. So have the next shown_ bytes, in which an echo may have
  // begun all the same.
  net::Buffer kept_;
  std::size_t released_ = 0;
  std::size_t shown_ = 0;
  bool is_settled_ = false;  // since the last piece
  std::size_t ruled_out_ = 0;  // where in it no echo begins, from its front on
  std::size_t waits_ = 0;  // in kept bytes and piece together: what begins there needs more text
  std::uint64_t found_ = 0;
  std::uint32_t opened_ = 0;
};

}  // namespace claviger::credentials
