// SPDX-License-Identifier: Apache-2.0
#include "credentials/testing/mask_bench.h"

#include <algorithm>

#include "base/check.h"
#include "base/secret_arena.h"

namespace claviger::credentials::testing {

MaskBench::MaskBench() : opener_(bench_.opener()), room_(EchoMarks::kMostSecrets) {}
MaskBench::~MaskBench() = default;

EchoMarks MaskBench::marks_of(const std::vector<std::string>& secrets) {
  const std::vector<std::string_view> views(secrets.begin(), secrets.end());
  auto marks = EchoMarks::of(views, Bench::kBoundTo, bench_.key());
  CLV_CHECK(marks.has_value());
  return *std::move(marks);
}

std::string MaskBench::mask(const EchoMarks& marks, std::string_view text,
                            const std::vector<std::size_t>& sizes, bool pauses) {
  EchoMasker masker(buffers_);
  masker.look_for(marks);
  std::string out;
  most_kept_ = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; at < text.size() || i == 0; ++i) {
    const std::size_t size = std::min(sizes[std::min(i, sizes.size() - 1)], text.size() - at);
    std::string piece(text.substr(at, size));  // of its own, so that reading past it shows
    at += size;
    const auto released = masker.mask(piece, at == text.size(), opening());
    if (!released.has_value()) return "error: " + std::string(released.error().what());
    out.append(released->kept).append(released->piece);
    most_kept_ = std::max(most_kept_, at - out.size());
    if (!pauses || !masker.is_waiting()) continue;
    const auto settled = masker.settle(opening());
    if (!settled.has_value()) return "error: " + std::string(settled.error().what());
    out.append(settled->kept).append(settled->piece);
  }
  found_ = masker.found();
  opened_ = masker.opened();
  return out;
}

bool MaskBench::is_wiped() const noexcept {
  return !is_taken_ && std::ranges::all_of(room_, [](char c) { return c == '\0'; });
}

std::span<char> MaskBench::take() noexcept {
  CLV_CHECK(!is_taken_);
  if (is_spent_) return {};
  is_taken_ = true;
  return room_;
}

void MaskBench::give_back(std::size_t used) noexcept {
  is_taken_ = false;
  base::wipe(room_.data(), used);
}

}  // namespace claviger::credentials::testing
