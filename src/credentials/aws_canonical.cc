// SPDX-License-Identifier: Apache-2.0
// "Create a canonical request", AWS IAM User Guide, "Signature Version 4 for API requests".
#include "credentials/aws_canonical.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/parse.h"
#include "http/message.h"

namespace claviger::credentials {
namespace {

constexpr std::size_t kMaxParameters = 512;

constexpr bool is_unreserved(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

void encode(http::HeadWriter& out, char c) noexcept {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(c);
  const std::array<char, 3> text{'%', kDigits[octet >> 4], kDigits[octet & 15]};
  out.append({text.data(), text.size()});
}

// What "%XX" at the front of `text` stands for.
std::optional<char> decoded(std::string_view text) noexcept {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high << 4 | low);
}

// --- Path and query ------------------------------------------------------------------------------

// Of S3, what is encoded already is left as it is; for others, it is encoded once more.
void write_path(http::HeadWriter& out, std::string_view path, bool is_s3) noexcept {
  while (!path.empty()) {
    const auto plain = static_cast<std::size_t>(
        std::ranges::find_if_not(path, [](char c) { return is_unreserved(c) || c == '/'; }) - path.begin());
    out.append(path.substr(0, plain));
    path.remove_prefix(plain);
    if (path.empty()) return;
    const auto octet = is_s3 ? decoded(path) : std::nullopt;
    encode(out, octet.value_or(path.front()));
    path.remove_prefix(octet ? 3 : 1);
  }
}

void write_form_text(http::HeadWriter& out, std::string_view text) noexcept {
  while (!text.empty()) {
    const auto octet = decoded(text);
    const char c = octet.value_or(text.front() == '+' ? ' ' : text.front());
    if (is_unreserved(c)) out.append(c);
    else encode(out, c);
    text.remove_prefix(octet ? 3 : 1);
  }
}

// One parameter, encoded, as it lies in the writer's text.
struct Parameter {
  std::uint32_t start;
  std::uint32_t equals;
  std::uint32_t end;
};

// Writes the encoded parameters in the order they came, and then in the canonical one: by name, then by value.
class Query {
 public:
  Result<void> read(http::HeadWriter& out, std::string_view query) noexcept {
    while (!query.empty()) {
      const std::string_view part = query.substr(0, query.find('&'));
      query.remove_prefix(std::min(part.size() + 1, query.size()));
      if (part.empty()) continue;
      if (size_ == kMaxParameters)
        return Error(Code::kBadRequest, Blame::kCaller, "over 512 query parameters cannot be signed");
      Parameter& parameter = parameters_[size_++];
      const std::string_view name = part.substr(0, part.find('='));
      parameter.start = position(out);
      write_form_text(out, name);
      parameter.equals = position(out);
      out.append('=');
      if (name.size() < part.size()) write_form_text(out, part.substr(name.size() + 1));
      parameter.end = position(out);
    }
    return ok();
  }

  void write(http::HeadWriter& out) noexcept {
    const std::string_view text = out.text();
    const auto piece = [&](std::uint32_t from, std::uint32_t to) { return text.substr(from, to - from); };
    const std::span<Parameter> all(parameters_.data(), size_);
    std::ranges::sort(all, [&](const Parameter& a, const Parameter& b) {
      const int names = piece(a.start, a.equals).compare(piece(b.start, b.equals));
      return names != 0 ? names < 0 : piece(a.equals, a.end) < piece(b.equals, b.end);
    });
    for (const Parameter& parameter : all) {
      if (&parameter != all.data()) out.append('&');
      out.append(piece(parameter.start, parameter.end));
    }
  }

 private:
  static std::uint32_t position(const http::HeadWriter& out) noexcept {
    return static_cast<std::uint32_t>(out.size());
  }
  std::array<Parameter, kMaxParameters> parameters_;
  std::size_t size_ = 0;
};

// --- Fields --------------------------------------------------------------------------------------

bool is_signed(std::string_view name, const AwsScope& scope) noexcept {
  if (name.size() > 6 && base::equals_ignore_case(name.substr(0, 6), "x-amz-")) return true;
  const auto is = [&](std::string_view wanted) { return base::equals_ignore_case(name, wanted); };
  return is("host") || is("content-type") || is("content-md5") || std::ranges::any_of(scope.more_fields, is);
}

void write_name(http::HeadWriter& out, std::string_view name) noexcept {
  for (const char c : name) out.append(lower(c));
}

// Without white space at the ends, and one space for each run of it.
void write_value(http::HeadWriter& out, std::string_view value) noexcept {
  constexpr std::string_view kSpace = " \t";
  for (bool first = true;; first = false) {
    value.remove_prefix(std::min(value.find_first_not_of(kSpace), value.size()));
    if (value.empty()) return;
    const std::string_view word = value.substr(0, value.find_first_of(kSpace));
    if (!first) out.append(' ');
    out.append(word);
    value.remove_prefix(word.size());
  }
}

}  // namespace

bool is_s3_family(std::string_view service) noexcept {
  return service == "s3" || service.starts_with("s3-") || service == "s3express";
}

bool AwsRequest::is_before(const Line& a, const Line& b) noexcept {
  const auto order =
      std::lexicographical_compare_three_way(a.name.begin(), a.name.end(), b.name.begin(), b.name.end(),
                                             [](char x, char y) { return lower(x) <=> lower(y); });
  return order != 0 ? order < 0 : a.value.data() < b.value.data();  // the same name: as they came
}

Result<void> AwsRequest::read(std::string_view head, const AwsScope& scope) {
  const Error no_request(Code::kInternal, Blame::kGateway, "this is no request that could be signed");
  const std::size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (line_end == std::string_view::npos || first == last) return no_request;
  const std::string_view target = line.substr(first + 1, last - first - 1);
  method_ = line.substr(0, first);
  path_ = target.substr(0, target.find('?'));
  query_ = target.substr(std::min(path_.size() + 1, target.size()));
  is_s3_ = is_s3_family(scope.service);
  std::string_view lines = head.substr(line_end + 2);
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    const std::size_t colon = lines.find(':');
    if (end == std::string_view::npos || colon >= end) return no_request;
    const Line field{lines.substr(0, colon), lines.substr(colon + 1, end - colon - 1)};
    lines.remove_prefix(end + 2);
    if (!is_signed(field.name, scope)) continue;
    if (size_ == kMaxLines)
      return Error(Code::kBadRequest, Blame::kCaller, "over 144 fields cannot be signed");
    lines_[size_++] = field;
  }
  std::ranges::sort(std::span(lines_).first(size_), is_before);
  return ok();
}

void AwsRequest::write_signed_names(http::HeadWriter& out) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (i > 0 && base::equals_ignore_case(lines_[i - 1].name, lines_[i].name)) continue;
    if (i > 0) out.append(';');
    write_name(out, lines_[i].name);
  }
}

void AwsRequest::write_fields(http::HeadWriter& out) const {
  for (std::size_t i = 0; i < size_; ++i) {
    if (i > 0 && base::equals_ignore_case(lines_[i - 1].name, lines_[i].name)) {
      out.append(',');
    } else {
      if (i > 0) out.append('\n');
      write_name(out, lines_[i].name);
      out.append(':');
    }
    write_value(out, lines_[i].value);
  }
  if (size_ > 0) out.append('\n');
}

Result<std::string_view> AwsRequest::write_canonical(http::HeadWriter& out, std::string_view payload) const {
  Query query;
  CLV_TRY_VOID(query.read(out, query_));
  if (!out.fits()) return std::string_view();
  const std::size_t start = out.size();
  out.append(method_);
  out.append('\n');
  write_path(out, path_, is_s3_);
  out.append('\n');
  query.write(out);
  out.append('\n');
  write_fields(out);
  out.append('\n');
  write_signed_names(out);
  out.append('\n');
  out.append(payload);
  return out.text().substr(start);
}

}  // namespace claviger::credentials
