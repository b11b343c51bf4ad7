// SPDX-License-Identifier: Apache-2.0
#include "sinks/syslog_message.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/line.h"
#include "sinks/record.h"

namespace claviger::sinks {
namespace {

constexpr std::string_view kPriorityAndVersion = "<110>1 ";
constexpr std::size_t kLongestHost = 255;
constexpr std::size_t kLongestMessageId = 32;

// PRINTUSASCII of at most so many, else NILVALUE.
std::string_view printable_or_nil(std::string_view text, std::size_t most) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  return printable && !text.empty() ? text.substr(0, most) : "-";
}

// RFC 5424 section 6.3.3.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
  return out;
}

// Puts its length before what stands in `out` from `begin` on.
void frame(std::string& out, std::size_t begin) {
  out.insert(begin, std::to_string(out.size() - begin) + " ");
}

}  // namespace

SyslogWriter::SyslogWriter(std::string origin, std::string_view host, std::uint64_t process,
                           std::uint32_t enterprise)
    : origin_(std::move(origin)),
      names_(fmt::format(" {} claviger {} ", printable_or_nil(host, kLongestHost), process)),
      data_begin_(fmt::format(" [claviger@{} id=\"", enterprise)) {}

void SyslogWriter::append_head(std::string& out, std::string_view time, std::string_view type,
                               std::string_view id) const {
  out += kPriorityAndVersion;
  out += printable_or_nil(time, time.size());
  out += names_;
  out += printable_or_nil(type, kLongestMessageId);
  out += data_begin_;
  out += escaped(id);
  out += "\"] ";
}

void SyslogWriter::write_event(std::string& out, std::uint64_t number, std::string_view line) const {
  const std::size_t begin = out.size();
  append_head(out, audit::leading_time(line), audit::leading_type(line), event_id(origin_, number));
  append_event(out, origin_, number, line);
  frame(out, begin);
}

void SyslogWriter::write_checkpoint(std::string& out, const audit::SignedCheckpoint& checkpoint) const {
  const std::size_t begin = out.size();
  append_head(out, {}, "checkpoint", checkpoint_id(origin_, checkpoint.size));
  append_checkpoint(out, origin_, checkpoint);
  frame(out, begin);
}

}  // namespace claviger::sinks
