// SPDX-License-Identifier: Apache-2.0
// A request's canonical form is the same for what is the same to its reader, and in order; chunks that are taken are of one form, however
// they come.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "credentials/aws_canonical.h"
#include "credentials/aws_chunk_reader.h"
#include "fuzz_check.h"

namespace {

using claviger::credentials::AwsChunkReader;
using claviger::credentials::AwsRequest;
using claviger::credentials::AwsScope;
using claviger::fuzz::expect;

std::string canonical(std::string_view target, std::string_view fields, const AwsScope& scope) {
  const std::string head =
      "GET " + std::string(target) + " HTTP/1.1\r\nHost: fake.test\r\n" + std::string(fields);
  std::string memory(8 * head.size() + 8192, '\0');
  claviger::http::HeadWriter out(memory);
  AwsRequest request;
  if (!request.read(head, scope).has_value()) return {};
  const auto text = request.write_canonical(out, "PAYLOAD");
  if (!text.has_value()) return {};
  expect(out.fits(), "eight times the head is enough");
  return std::string(*text);
}

std::string_view line(std::string_view text, int number) {
  for (; number > 0; --number) text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  return text.substr(0, text.find('\n'));
}

void look_at_canonical(std::string_view input) {
  const std::size_t cut = input.find('\n');
  const std::string_view target = input.substr(0, cut);
  const std::string_view fields = cut == std::string_view::npos ? std::string_view() : input.substr(cut + 1);
  for (const std::string_view service : {"s3", "sts"}) {
    const AwsScope scope{"region", service};
    const std::string text = canonical(target, fields, scope);
    if (text.empty() || target.find('\r') != std::string_view::npos) continue;
    const std::string_view query = line(text, 2);
    const std::string again = canonical("/?" + std::string(query), fields, scope);
    expect(line(again, 2) == query, "a canonical query stays what it is");
    if (service == "s3") {
      const std::string same = canonical(line(text, 1), fields, scope);
      expect(line(same, 1) == line(text, 1), "and so does a canonical path of S3");
    }
    expect(text.ends_with("\nPAYLOAD"), "the payload comes last");
  }
}

// All data, or "refused".
std::string read(std::string_view input, std::size_t step, std::size_t most) {
  AwsChunkReader reader;
  std::string all;
  while (!input.empty()) {
    std::string_view piece = input.substr(0, step);
    input.remove_prefix(piece.size());
    while (!piece.empty()) {
      const auto data = reader.next(piece, most);
      if (!data.has_value()) return "refused";
      expect(data->size() <= most && (!data->empty() || piece.empty()), "a step forward");
      all += *data;
    }
  }
  return all + (reader.is_done() ? " done" : " cut");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 4096));
  look_at_canonical(input);
  const std::string whole = read(input, input.size() + 1, input.size() + 1);
  expect(read(input, 1, 1) == whole && read(input, 7, 3) == whole, "it does not matter how it comes");
  return 0;
}
