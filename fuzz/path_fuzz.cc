// SPDX-License-Identifier: Apache-2.0
// Paths against the reference; base URLs and query parameters for what a sanitizer sees.

#include <cstdint>
#include <string>

#include "fuzz_check.h"
#include "http/path.h"
#include "http/testing/reference_path.h"

using namespace claviger;
using claviger::fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const auto traits = http::check_canonical_path(input);
  expect(traits.has_value() == http::testing::reference_is_canonical_path(input),
         "both agree on what is canonical");
  if (traits.has_value()) {
    expect(traits->has_encoded_slash == input.contains("%2F"), "encoded slashes are reported");
  }

  const auto url = http::parse_base_url(input);
  if (url.has_value()) {
    const std::string text = (url->tls ? "https://" : "http://") + url->authority + url->path;
    const auto again = http::parse_base_url(text);
    expect(again.has_value(), "a base URL can be written and read again");
    expect(again->host == url->host && again->port == url->port && again->path == url->path &&
               again->host_is_ip == url->host_is_ip && again->authority == url->authority,
           "and means the same");
    expect(url->path.empty() || http::check_canonical_path(url->path).has_value(), "its path is canonical");
  }

  const std::size_t half = input.size() / 2;
  const bool same = http::is_query_parameter(input.substr(0, half), input.substr(half));
  expect(!same || input.size() - half <= half, "decoding never lengthens a name");
  return 0;
}
