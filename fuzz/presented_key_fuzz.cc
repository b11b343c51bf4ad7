// SPDX-License-Identifier: Apache-2.0
// The credentials that a request presents, against a plain reading of the same fields: one key or none, whatever
// stands in them.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "fuzz_check.h"
#include "http/parser.h"
#include "http/testing/reference_grammar.h"
#include "identity/api_key.h"
#include "identity/presented.h"

namespace {

using namespace claviger;
using claviger::fuzz::expect;
using namespace claviger::http::testing::grammar;

const std::string kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648 section 4, bit by bit; nothing when it is malformed.
std::optional<std::string> decode_base64(std::string text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.back() == '=') {
    text.pop_back();
    ++padding;
  }
  if (!contains_only(text, kAlphabet)) return std::nullopt;
  std::string bits;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    for (int bit = 5; bit >= 0; --bit) bits += (value >> bit & 1) != 0 ? '1' : '0';
  }
  std::string decoded;
  for (std::size_t at = 0; at + 8 <= bits.size(); at += 8)
    decoded += static_cast<char>(std::stoi(bits.substr(at, 8), nullptr, 2));
  // What is left over of the last digit says nothing.
  if (bits.substr(bits.size() / 8 * 8).find('1') != std::string::npos) return std::nullopt;
  return decoded;
}

bool is_token68(std::string text) {
  while (!text.empty() && text.back() == '=') text.pop_back();
  return !text.empty() && contains_only(text, kLetters + kDigits + "-._~+/");
}

struct Expected {
  bool malformed = false;
  std::set<std::string> keys;
};

Expected read_plainly(const PlainFields& fields) {
  Expected out;
  for (const char* const name : {"authorization", "x-api-key", "x-goog-api-key"}) {
    const auto values = values_of(fields, name);
    if (values.size() > 1) out.malformed = true;
    if (values.empty() || out.malformed) continue;
    if (name != std::string("authorization")) {
      out.keys.insert(values[0]);
      continue;
    }
    const std::size_t space = values[0].find(' ');
    const std::string scheme = values[0].substr(0, space);
    std::string rest = space == std::string::npos ? "" : values[0].substr(space);
    rest = rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
    if (!is_token(scheme)) {
      out.malformed = true;
    } else if (lower(scheme) == "bearer") {
      if (!is_token68(rest)) out.malformed = true;
      out.keys.insert(rest);
    } else if (lower(scheme) == "basic") {
      const std::optional<std::string> pair = decode_base64(rest);
      const std::size_t colon = pair ? pair->find(':') : std::string::npos;
      if (colon == std::string::npos) out.malformed = true;
      else out.keys.insert(pair->substr(colon + 1));
    } else {
      out.keys.insert("\n" + scheme);  // another credential, and no key
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(data, data + size) + "\r\n\r\n";
  const auto head = std::make_unique<http::RequestHead>();
  if (!http::parse_request_head(text, {}, *head).has_value()) return 0;
  PlainFields fields;
  for (const http::Field& field : head->fields) fields.emplace_back(field.name, field.value);

  identity::BasicScratch scratch;
  const auto key = identity::find_presented_key(head->fields, scratch);
  const Expected expected = read_plainly(fields);
  if (!key.has_value()) {
    const bool too_long = size > scratch.size();
    expect(expected.malformed || expected.keys.size() != 1 || expected.keys.begin()->starts_with('\n') ||
               too_long,
           "one well-formed credential is found");
    const bool none = expected.keys.empty() || expected.keys.begin()->starts_with('\n');
    if (!expected.malformed && !too_long && expected.keys.size() < 2)
      expect(none && key.error().code() == Code::kUnauthenticated, "none is none");
    return 0;
  }
  expect(!expected.malformed && expected.keys.size() == 1, "what is malformed or ambiguous is refused");
  expect(key->text == *expected.keys.begin(), "it is the one that was sent");
  const auto parts = identity::parse_api_key(key->text);
  expect(!parts || (parts->text == key->text && identity::contains_api_key(key->text)),
         "a key is recognised wherever it stands");
  return 0;
}
