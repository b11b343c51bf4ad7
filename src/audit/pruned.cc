// SPDX-License-Identifier: Apache-2.0
#include "audit/pruned.h"

#include <fmt/format.h>

#include <array>
#include <bit>

#include "audit/line.h"
#include "audit/log_files.h"
#include "base/check.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

// Has a space, which no origin has: it never passes for a checkpoint.
constexpr std::string_view kTitle = "claviger audit pruned v1";
constexpr std::string_view kBegin = R"({"v":1,"time":")";
constexpr std::string_view kType = R"(","type":"audit.pruned","first":)";

std::vector<crypto::Sha256Digest> roots_of(const crypto::MerkleTree& tree) {
  std::array<crypto::Sha256Digest, 64> frontier;
  return {frontier.begin(), frontier.begin() + static_cast<std::ptrdiff_t>(tree.frontier(frontier))};
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<std::uint64_t> take_digits(std::string_view& text) {
  const std::size_t size = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = base::parse_decimal(text.substr(0, size));
  text.remove_prefix(size);
  return number.has_value() ? std::optional(*number) : std::nullopt;
}

// "<text>" without anything escaped.
std::optional<std::string_view> take_string(std::string_view& text) {
  if (!take(text, "\"")) return std::nullopt;
  const std::size_t end = text.find('"');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view value = text.substr(0, end);
  text.remove_prefix(end + 1);
  return value;
}

// Up to and with the bracket that ends the list.
std::optional<std::vector<std::string_view>> take_strings(std::string_view& text) {
  std::vector<std::string_view> all;
  if (take(text, "]")) return all;
  do {
    const auto value = take_string(text);
    if (!value) return std::nullopt;
    all.push_back(*value);
  } while (take(text, ","));
  return take(text, "]") ? std::optional(std::move(all)) : std::nullopt;
}

std::optional<crypto::MerkleTree> tree_of(std::uint64_t size, std::span<const std::string_view> roots) {
  std::vector<crypto::Sha256Digest> frontier(roots.size());
  for (std::size_t i = 0; i < roots.size(); ++i)
    if (!parse_base64(roots[i], frontier[i]).has_value()) return std::nullopt;
  auto tree = crypto::MerkleTree::from_frontier(size, frontier);
  return tree.has_value() ? std::optional(*tree) : std::nullopt;
}

}  // namespace

std::string sign_pruned(const crypto::MerkleTree& tree, const VerifierKey& key, Signer& signer) {
  std::string text = fmt::format("{}\n{}\n{}\n", kTitle, key.name, tree.size());
  for (const crypto::Sha256Digest& root : roots_of(tree)) text += to_base64(root) + "\n";
  return sign_note(text, key, signer);
}

Result<crypto::MerkleTree> open_pruned(std::string_view note, const VerifierKey& key) {
  std::string_view text = CLV_TRY(open_note(note, key));
  if (CLV_TRY(take_line(text)) != kTitle || CLV_TRY(take_line(text)) != key.name)
    return Error(Code::kInvalid, Blame::kOperator, "not what was pruned of this log");
  const std::uint64_t size = CLV_TRY(take_number(text));
  std::vector<crypto::Sha256Digest> roots(static_cast<std::size_t>(std::popcount(size)));
  for (crypto::Sha256Digest& root : roots) CLV_TRY_VOID(take_base64(text, root));
  if (!text.empty()) return Error(Code::kInvalid, Blame::kOperator, "something stands behind the roots");
  return crypto::MerkleTree::from_frontier(size, roots);
}

std::string pruned_event(WallTime time, std::uint64_t first, std::span<const std::uint64_t> segments,
                         const crypto::MerkleTree& tree, PruneReason reason) {
  CLV_CHECK(segments.size() <= kMostPruned);
  std::string names, roots;
  for (const std::uint64_t segment : segments)
    names += fmt::format(R"({}"{}")", names.empty() ? "" : ",", segment_name(segment));
  for (const crypto::Sha256Digest& root : roots_of(tree))
    roots += fmt::format(R"({}"{}")", roots.empty() ? "" : ",", to_base64(root));
  return fmt::format(R"({}{}{}{},"end":{},"segments":[{}],"roots":[{}],"reason":"{}"}})", kBegin,
                     base::format_rfc3339(time), kType, first, tree.size(), names, roots,
                     reason == PruneReason::kAge ? "age" : "size");
}

std::optional<PrunedEvent> find_pruned_event(std::string_view line) {
  if (!take(line, kBegin) || !is_canonical_time(line.substr(0, kTimeSize))) return std::nullopt;
  line.remove_prefix(kTimeSize);
  if (!take(line, kType)) return std::nullopt;
  const auto first = take_digits(line);
  if (!first || !take(line, R"(,"end":)")) return std::nullopt;
  const auto end = take_digits(line);
  if (!end || *end <= *first || !take(line, R"(,"segments":[)")) return std::nullopt;
  const auto segments = take_strings(line);
  if (!segments || segments->empty() || !take(line, R"(,"roots":[)")) return std::nullopt;
  const auto roots = take_strings(line);
  if (!roots || !take(line, R"(,"reason":)") || !take_string(line)) return std::nullopt;
  if (take(line, R"(,"outbox":)") && !take_digits(line)) return std::nullopt;
  if (line != "}") return std::nullopt;
  const auto tree = tree_of(*end, *roots);
  return tree ? std::optional(PrunedEvent{*first, *tree}) : std::nullopt;
}

}  // namespace claviger::audit
