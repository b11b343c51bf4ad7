// SPDX-License-Identifier: Apache-2.0
// Proofs, as they come from anybody: whatever is read is written the same way again but for what others may add, and nothing of any
// size is proven by hashes that somebody made up.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "audit/proof.h"
#include "fuzz_check.h"

namespace audit = claviger::audit;
using claviger::fuzz::expect;

namespace {

// A root that nobody has a preimage of, of trees of all sizes that matter.
void check_refused(const audit::InclusionProof& inclusion, const audit::ConsistencyProof& consistency,
                   const audit::RangeProof& range) {
  claviger::crypto::Sha256Digest root{};
  root[0] = std::byte{7};
  for (const std::uint64_t size : {inclusion.event, inclusion.event + 1, std::uint64_t{1}, range.events.end,
                                   consistency.since + 1, UINT64_MAX}) {
    expect(!audit::check_inclusion(inclusion, "{}", {size, root}).has_value(),
           "a made-up path proves nothing");
    if (consistency.since != size && consistency.since != 0)
      expect(!audit::check_consistency(consistency, {consistency.since, root}, {size, root}).has_value(),
             "two trees of one root are of one size");
    if (range.events.end - range.events.begin > 100) continue;
    auto check = audit::RangeCheck::begin(range, size);
    if (!check.has_value()) continue;
    while (check->next_event() < range.events.end) check->append({});
    const auto found = check->root();
    expect(!found.has_value() || *found != root, "a made-up range proves nothing");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto inclusion = audit::parse_inclusion_proof(text);
  const auto consistency = audit::parse_consistency_proof(text);
  const auto range = audit::parse_range_proof(text);
  expect(int{inclusion.has_value()} + int{consistency.has_value()} + int{range.has_value()} <= 1,
         "a text is one proof at most");
  if (inclusion.has_value() && text.find("\nextra ") == std::string_view::npos)
    expect(audit::format_proof(*inclusion) == text, "a proof has one spelling");
  if (consistency.has_value()) expect(audit::format_proof(*consistency) == text, "a proof has one spelling");
  if (range.has_value()) expect(audit::format_proof(*range) == text, "a proof has one spelling");
  const bool is_any = inclusion.has_value() || consistency.has_value() || range.has_value();
  expect(!is_any || audit::kind_of_proof(text) != audit::ProofKind::kNone, "a proof has a kind");
  if (is_any)
    check_refused(inclusion.has_value() ? *inclusion : audit::InclusionProof{},
                  consistency.has_value() ? *consistency : audit::ConsistencyProof{},
                  range.has_value() ? *range : audit::RangeProof{});
  return 0;
}
