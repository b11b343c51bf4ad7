// SPDX-License-Identifier: Apache-2.0
#include "http/testing/reference_grammar.h"

namespace claviger::http::testing::grammar {

bool contains_only(const std::string& text, const std::string& allowed) {
  return text.find_first_not_of(allowed) == std::string::npos;
}

bool is_token(const std::string& text) {
  return !text.empty() && contains_only(text, "!#$%&'*+-.^_`|~" + kDigits + kLetters);
}

bool is_field_text(const std::string& text) {
  for (const char c : text) {
    const int octet = static_cast<unsigned char>(c);
    const bool fine = octet == '\t' || octet == ' ' || (octet >= 0x21 && octet <= 0x7E) || octet >= 0x80;
    if (!fine) return false;
  }
  return true;
}

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string lower(const std::string& text) {
  std::string result;
  for (const char c : text) {
    result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t found = text.find(separator, start);
    if (found == std::string::npos) break;
    parts.push_back(text.substr(start, found - start));
    start = found + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

std::optional<std::uint64_t> read_length(const std::string& text) {
  if (text.empty() || !contains_only(text, kDigits)) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  const std::string most = "9223372036854775807";
  if (text.size() > most.size() || (text.size() == most.size() && text > most)) return std::nullopt;
  return std::stoull(text);
}

// field-line = field-name ":" OWS field-value OWS
bool read_field_line(const std::string& line, PlainFields& out) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return false;
  if (!is_token(line.substr(0, colon)) || !is_field_text(line.substr(colon + 1))) return false;
  out.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
  return true;
}

std::vector<std::string> values_of(const PlainFields& fields, const std::string& name) {
  std::vector<std::string> values;
  for (const auto& [field_name, value] : fields) {
    if (lower(field_name) == name) values.push_back(value);
  }
  return values;
}

ConnectionOptions read_connection(const PlainFields& fields) {
  ConnectionOptions said;
  for (const std::string& value : values_of(fields, "connection")) {
    for (const std::string& element : split(value, ",")) {
      const std::string option = lower(trim(element));
      if (option.empty()) continue;
      said.tokens = said.tokens && is_token(option);
      said.close = said.close || option == "close";
      said.keep_alive = said.keep_alive || option == "keep-alive";
      said.names_framing = said.names_framing || option == "content-length" ||
                           option == "transfer-encoding" || option == "host";
    }
  }
  return said;
}

std::optional<SaidFraming> read_framing(const PlainFields& fields, int minor) {
  const std::vector<std::string> lengths = values_of(fields, "content-length");
  const std::vector<std::string> codings = values_of(fields, "transfer-encoding");
  if (lengths.size() + codings.size() > 1) return std::nullopt;
  SaidFraming said;
  if (!lengths.empty()) {
    said.length = read_length(lengths[0]);
    if (!said.length) return std::nullopt;
  }
  if (!codings.empty()) {
    if (lower(codings[0]) != "chunked" || minor == 0) return std::nullopt;
    said.chunked = true;
  }
  return said;
}

}  // namespace claviger::http::testing::grammar
