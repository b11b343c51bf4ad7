// SPDX-License-Identifier: Apache-2.0
#include "credentials/echo_masker.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace claviger::credentials {
namespace {

constexpr char kMask = '*';

// Bytes that are compared one at a time for each byte of an answer, and for a piece besides, before it is given up.
constexpr std::size_t kWorkPerByte = 16;
constexpr std::size_t kWorkPerPiece = std::size_t{64} << 10;
constexpr std::size_t kWorkPerStart = 8;  // to find it

constexpr std::size_t kLeastBlock = 8;

// How much of a secret has to be guessed at once by whoever watches what waits, and stays in the dark. A third of it is the most that
// shows of an echo that an upstream stops in the middle of.
std::size_t block_of(std::size_t secret) noexcept {
  constexpr std::size_t kMost = 16;
  return std::clamp(secret / 3, kLeastBlock, kMost);
}

// Of the smallest block, whose grams are all in the filter: each form has at least as many bytes.
bool may_begin_block(const EchoMarks& marks, const char* text) noexcept {
  for (std::size_t at = 0; at + EchoMarks::kGram <= kLeastBlock; ++at)
    if (!marks.may_begin_with(text + at)) return false;
  return true;
}

void overwrite(std::span<char> text) noexcept { std::ranges::fill(text, kMask); }

}  // namespace

// The secrets while they are open: from the first comparison on, to the end of the piece.
class EchoMasker::Open {
 public:
  // `text`: the length of what is searched.
  Open(EchoMasker& masker, const Opening& with, std::size_t text) noexcept
      : masker_(masker), with_(with), work_(kWorkPerPiece + kWorkPerByte * text) {}
  ~Open() {
    if (!room_.empty()) with_.room.give_back(used_);
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

  // The longest echo that begins at `start`; or that one may begin there, which more text would decide.
  Result<Compared> compare(const TwoPieces& text, std::size_t start, bool is_last);
  // Whether an echo may have begun there, told in blocks.
  Result<bool> begins_in_blocks(std::string_view text, std::size_t start);

 private:
  Result<void> spend(std::size_t work);
  Result<std::string_view> secrets(std::size_t index);

  EchoMasker& masker_;
  const Opening& with_;
  std::span<char> room_;
  std::size_t used_ = 0;
  std::size_t work_;  // that is left
  std::array<std::string_view, kMostMarks> secrets_{};
};

Result<std::string_view> EchoMasker::Open::secrets(std::size_t index) {
  if (!secrets_[index].empty()) return secrets_[index];
  if (room_.empty()) room_ = with_.room.take();
  const EchoMarks& marks = *masker_.marks_[index];
  const std::size_t size = marks.opened_size();
  if (room_.size() - used_ < size)
    return Error(Code::kUnavailable, Blame::kOperator,
                 "the memory for secrets is used up (raise RLIMIT_MEMLOCK)");
  const std::span<char> out = room_.subspan(used_, size);
  used_ += size;
  CLV_TRY_VOID(marks.open(with_.opener, out));
  ++masker_.opened_;
  secrets_[index] = {out.data(), size};
  return secrets_[index];
}

Result<Compared> EchoMasker::Open::compare(const TwoPieces& text, std::size_t start, bool is_last) {
  Compared best;
  std::size_t work = kWorkPerStart;
  for (std::size_t i = 0; i < masker_.count_; ++i) {
    const std::string_view all = CLV_TRY(secrets(i));
    for (const EchoMarks::Part& part : masker_.marks_[i]->parts()) {
      const std::string_view secret = all.substr(part.offset, part.size);
      for (std::uint32_t forms = part.forms; forms != 0; forms &= forms - 1) {
        const auto form = static_cast<EchoForm>(__builtin_ctz(forms));
        const Compared compared = credentials::compare(form, secret, text, start, is_last);
        work += compared.work;
        if (compared.kind == Compared::Kind::kBegins) return compared;
        if (compared.kind == Compared::Kind::kWhole && compared.size > best.size) best = compared;
      }
    }
  }
  CLV_TRY_VOID(spend(work));
  return best;
}

Result<bool> EchoMasker::Open::begins_in_blocks(std::string_view text, std::size_t start) {
  bool begins = false;
  std::size_t work = kWorkPerStart;
  for (std::size_t i = 0; i < masker_.count_; ++i) {
    const std::string_view all = CLV_TRY(secrets(i));
    if (!may_begin_block(*masker_.marks_[i], text.data() + start)) continue;
    for (const EchoMarks::Part& part : masker_.marks_[i]->parts()) {
      const std::string_view secret = all.substr(part.offset, part.size);
      const std::size_t block = block_of(part.size);
      for (std::uint32_t forms = part.forms; forms != 0; forms &= forms - 1) {
        const auto form = static_cast<EchoForm>(__builtin_ctz(forms));
        begins |= credentials::begins_in_blocks(form, secret, {{}, text}, start, block);
        work += block;
      }
    }
  }
  CLV_TRY_VOID(spend(work));
  return begins;
}

Result<void> EchoMasker::Open::spend(std::size_t work) {
  if (work > work_)
    return Error(Code::kUpstreamFailed, Blame::kUpstream,
                 "the answer has too much in it that begins like its credential to be searched");
  work_ -= work;
  return ok();
}

void EchoMasker::look_for(const EchoMarks& marks) noexcept {
  if (marks.is_empty()) return;
  CLV_CHECK(count_ < kMostMarks);
  marks_[count_++] = &marks;
}

// Where a form may begin, by its beginning: not in the last bytes, which may be too few to tell.
std::size_t EchoMasker::next_start(std::string_view text, std::size_t from) const noexcept {
  std::size_t first = EchoMarks::kNone;
  for (std::size_t i = 0; i < count_; ++i)
    first = std::min(first, marks_[i]->next_start(text.data(), from, text.size()));
  return first;
}

std::size_t EchoMasker::longest_window() const noexcept {
  std::size_t longest = 0;
  for (std::size_t i = 0; i < count_; ++i) longest = std::max(longest, marks_[i]->window());
  return longest;
}

// An echo that is not whole yet can only begin behind the last byte that stands in none, and has less than its length.
std::size_t EchoMasker::keep_from(const TwoPieces& text) const noexcept {
  std::size_t from = text.size();
  for (std::size_t i = 0; i < count_; ++i) {
    const std::size_t most = std::min(text.size(), marks_[i]->longest() - 1);
    std::size_t at = text.size();
    while (text.size() - at < most && marks_[i]->may_hold(text[at - 1])) --at;
    from = std::min(from, at);
  }
  return from;
}

// The kept bytes and behind them, in a row, as much of the piece as it takes to tell what begins in the last of them.
std::string_view EchoMasker::with_beginning_of(std::span<const char> piece) {
  const std::size_t borrowed = std::min(piece.size(), longest_window() - 1);
  CLV_CHECK(borrowed == 0 || kept_.append({piece.data(), borrowed}));
  const std::string_view row = kept_.filled();
  kept_.take_off(borrowed);
  return row;
}

// What begins in the bytes that were kept, and may go on in the piece. Gives how much of the piece is done with: all of it where it
// has to be kept, too.
Result<std::size_t> EchoMasker::mask_kept(std::span<char> kept, std::span<char> piece, bool is_last,
                                          Open& open) {
  const TwoPieces text{{kept.data(), kept.size()}, {piece.data(), piece.size()}};
  const std::string_view row = with_beginning_of(piece);
  std::size_t at = ruled_out_;
  while (at < kept.size()) {
    const std::size_t start = next_start(row, at);
    if (start >= kept.size()) return 0;
    at = start;
    const Compared compared = CLV_TRY(open.compare(text, at, is_last));
    if (compared.kind == Compared::Kind::kBegins) {
      waits_ = at;
      return piece.size();
    }
    if (compared.kind == Compared::Kind::kNo) {
      ++at;
      continue;
    }
    ++found_;
    const std::size_t end = at + compared.size;
    overwrite(kept.subspan(at, std::min(end, kept.size()) - at));
    if (end > kept.size()) overwrite(piece.first(end - kept.size()));
    at = end;
  }
  return at - kept.size();
}

// What begins in the piece from `from` on.
Result<void> EchoMasker::mask_piece(std::span<char> piece, std::size_t from, bool is_last, Open& open) {
  const std::string_view text(piece.data(), piece.size());
  for (std::size_t at = from;;) {
    const std::size_t start = next_start(text, at);
    if (start == EchoMarks::kNone) return ok();
    const Compared compared = CLV_TRY(open.compare({{}, text}, start, is_last));
    if (compared.kind == Compared::Kind::kBegins) {
      waits_ = kept_.filled().size() + start;
      return ok();
    }
    at = start + 1;
    if (compared.kind == Compared::Kind::kNo) continue;
    ++found_;
    overwrite(piece.subspan(start, compared.size));
    at = start + compared.size;
  }
}

void EchoMasker::drop_released() noexcept {
  if (!kept_.has_memory()) return;
  kept_.consume(std::exchange(released_, 0));
  if (kept_.is_empty()) kept_.release();
  else kept_.compact();
}

Result<EchoMasker::Released> EchoMasker::mask(std::span<char> piece, bool is_last, const Opening& with) {
  drop_released();
  is_settled_ = false;
  const std::string_view filled = kept_.filled();
  // Our own memory, which Buffer shows for reading.
  const std::span<char> kept(const_cast<char*>(filled.data()), filled.size());
  const TwoPieces text{filled, {piece.data(), piece.size()}};
  Open open(*this, with, text.size());
  // Of what begins nearer to the end there is too little to tell.
  waits_ = text.size() - std::min(text.size(), longest_window() - 1);
  std::size_t done = 0;
  if (!kept.empty()) done = CLV_TRY(mask_kept(kept, piece, is_last, open));
  CLV_TRY_VOID(mask_piece(piece, done, is_last, open));
  const std::size_t end = is_last ? text.size() : keep_from(text);
  const std::size_t of_piece = end > kept.size() ? end - kept.size() : 0;
  released_ = std::min(end, kept.size());
  ruled_out_ = waits_ - std::min(waits_, end);
  const std::size_t gone = std::min(shown_, released_);
  shown_ -= gone;
  const Released released{filled.substr(gone, released_ - gone), text.back.substr(0, of_piece)};
  if (of_piece < piece.size()) CLV_CHECK(kept_.append(text.back.substr(of_piece)));
  return released;
}

// The secret is opened whatever the kept bytes are, as long as there could be a block of it: no time shows. Nor is anything left out that was
// ruled out byte by byte.
Result<std::size_t> EchoMasker::first_beginning(std::string_view text, const Opening& with) {
  Open open(*this, with, text.size());
  for (std::size_t at = 0; at + kLeastBlock <= text.size(); ++at)
    if (CLV_TRY(open.begins_in_blocks(text, at))) return at;
  return text.size();
}

Result<EchoMasker::Released> EchoMasker::settle(const Opening& with) {
  drop_released();
  is_settled_ = true;
  const std::string_view text = kept_.filled();
  const std::size_t end = CLV_TRY(first_beginning(text, with));
  const std::size_t begin = std::min(shown_, end);
  shown_ = std::max(shown_, end);
  return Released{text.substr(begin, end - begin), {}};
}

}  // namespace claviger::credentials
