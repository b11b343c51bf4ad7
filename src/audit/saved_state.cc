// SPDX-License-Identifier: Apache-2.0
#include "audit/saved_state.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <vector>

#include "base/parse.h"

namespace claviger::audit {
namespace {

// They have spaces, which no origin has: a state never passes for a checkpoint.
constexpr std::string_view kTitle = "claviger audit state v2";
constexpr std::string_view kOldTitle = "claviger audit state v1";  // of a log without segments

Error not_ours() { return Error(Code::kInvalid, Blame::kOperator, "not the state of this log"); }

// Three lines: a place, or '-' three times.
Result<std::optional<LogPlace>> take_open_call(std::string_view& text) {
  std::string place;
  for (int i = 0; i < 3; ++i) place.append(i == 0 ? "" : ":").append(CLV_TRY(take_line(text)));
  if (place == "-:-:-") return std::optional<LogPlace>();
  return std::optional(CLV_TRY(parse_log_place(place)));
}

Result<crypto::MerkleTree> take_tree(std::string_view text, std::uint64_t size) {
  std::vector<crypto::Sha256Digest> frontier(static_cast<std::size_t>(std::popcount(size)));
  for (crypto::Sha256Digest& hash : frontier) CLV_TRY_VOID(take_base64(text, hash));
  if (!text.empty()) return Error(Code::kInvalid, Blame::kOperator, "a state with something behind it");
  return crypto::MerkleTree::from_frontier(size, frontier);
}

}  // namespace

std::string sign_state(const SavedState& state, const VerifierKey& key, Signer& signer) {
  std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n", kTitle, key.name, state.tree.size(),
                                 state.segment, state.bytes, state.outbox);
  if (const auto& call = state.oldest_open)
    text += fmt::format("{}\n{}\n{}\n", call->event, call->segment, call->offset);
  else text += "-\n-\n-\n";
  std::array<crypto::Sha256Digest, 64> frontier;
  const std::size_t count = state.tree.frontier(frontier);
  for (std::size_t i = 0; i < count; ++i) text += to_base64(frontier[i]) + "\n";
  return sign_note(text, key, signer);
}

Result<SavedState> open_state(std::string_view note, const VerifierKey& key) {
  std::string_view text = CLV_TRY(open_note(note, key));
  const std::string_view title = CLV_TRY(take_line(text));
  if ((title != kTitle && title != kOldTitle) || CLV_TRY(take_line(text)) != key.name) return not_ours();
  SavedState state;
  const std::uint64_t size = CLV_TRY(take_number(text));
  if (title == kTitle) state.segment = CLV_TRY(take_number(text));
  state.bytes = CLV_TRY(take_number(text));
  state.outbox = CLV_TRY(take_number(text));
  if (title == kTitle) state.oldest_open = CLV_TRY(take_open_call(text));
  state.tree = CLV_TRY(take_tree(text, size));
  if (size < state.segment || (size == state.segment) != (state.bytes == 0)) return not_ours();
  return state;
}

std::optional<LogPlace> read_state_place(std::string_view note) {
  const auto title = take_line(note);
  if (!title.has_value() || (*title != kTitle && *title != kOldTitle)) return std::nullopt;
  if (!take_line(note).has_value()) return std::nullopt;
  const auto event = take_number(note);
  const auto segment = *title == kTitle ? take_number(note) : Result<std::uint64_t>(0);
  const auto offset = take_number(note);
  if (!event.has_value() || !segment.has_value() || !offset.has_value() || *event < *segment)
    return std::nullopt;
  return LogPlace{*event, *segment, *offset};
}

}  // namespace claviger::audit
