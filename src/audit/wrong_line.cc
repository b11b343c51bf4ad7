// SPDX-License-Identifier: Apache-2.0
#include "audit/wrong_line.h"

#include <fmt/format.h>

#include <optional>

#include "crypto/merkle.h"

namespace claviger::audit {

std::string TextPlace::text() const { return fmt::format("{}:{} (event {})", file, line, event()); }

Result<std::string> name_wrong_line(const TextPlace& place, const crypto::Sha256Digest& leaf,
                                    LineScanner& behind, Leaves& leaves) {
  const std::uint64_t index = place.line - 1;
  const auto next_line = CLV_TRY(behind.next());
  const auto next = next_line ? std::optional(crypto::merkle_leaf(next_line->text)) : std::nullopt;
  const auto own_leaf = CLV_TRY(leaves.at(index));
  const auto next_leaf = CLV_TRY(leaves.at(index + 1));
  const bool is_next_in_its_place = next && next == own_leaf;

  if (is_next_in_its_place && next_leaf == leaf)
    return fmt::format("{}: lines {} and {} are in the wrong order", place.text(), place.line,
                       place.line + 1);

  const auto earlier = CLV_TRY(leaves.find(leaf, 0, index));
  const auto later = CLV_TRY(leaves.find(leaf, index + 1, leaves.count()));
  if (is_next_in_its_place && later)
    return fmt::format("{}: is event {}, moved to the front", place.text(), place.first_event + *later);
  if (later && *later == index + 1)
    return fmt::format("{}:{}: event {} was removed before this line", place.file, place.line, place.event());
  if (later)
    return fmt::format("{}:{}: events {} to {} were removed before this line", place.file, place.line,
                       place.event(), place.first_event + *later - 1);
  if (earlier)
    return fmt::format("{}: line {} repeats event {}", place.text(), place.line,
                       place.first_event + *earlier);
  if (is_next_in_its_place) return place.text() + ": was inserted, it is none of the log's events";
  return place.text() + ": was changed";
}

}  // namespace claviger::audit
