// SPDX-License-Identifier: Apache-2.0
#include "cli/status_text.h"

#include <fmt/format.h>

#include "cli/document_fields.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

std::string word(const base::Document& node, std::string_view name) {
  const std::string_view text = text_member(node, name);
  return text.empty() ? "?" : printable(text);
}

std::string line(std::string_view label, std::string_view text) {
  return fmt::format("{:<12} {}\n", label, text);
}

std::string audit_lines(const base::Document& audit) {
  std::string out = line(
      "audit log", fmt::format("{} events, {} of them under a signed checkpoint; {} not on disk yet ({} ms)",
                               word(audit, "size"), word(audit, "checkpointed"), word(audit, "queued"),
                               word(audit, "lag_ms")));
  if (text_member(audit, "failing") == "true") out += line("", "FAILING: " + word(audit, "failure"));
  return out;
}

std::string sink_lines(const base::Document& sinks) {
  std::string out;
  for (const base::Document& sink : sinks.items) {
    out += line("sink", fmt::format("{} ({}): {} events behind ({} s), {} sent, {} attempts failed, {} lost",
                                    word(sink, "name"), word(sink, "type"), word(sink, "behind_events"),
                                    word(sink, "behind_seconds"), word(sink, "sent"), word(sink, "failed"),
                                    word(sink, "lost")));
    if (text_member(sink, "failing") == "true") out += line("", "FAILING: " + word(sink, "failure"));
  }
  return out;
}

}  // namespace

std::string status_text(std::string_view address, const base::Document& status) {
  std::string out = line("gateway", std::string(address) + ", version " + word(status, "version"));
  out += line("ready", text_member(status, "ready") == "true" ? "yes" : "NO");
  out += line("revision", word(status, "revision"));
  out += line("master key", word(status, "master_key_id"));
  if (const base::Document* audit = member(status, "audit"); audit != nullptr) out += audit_lines(*audit);
  if (const base::Document* sinks = member(status, "sinks"); sinks != nullptr) out += sink_lines(*sinks);
  const base::Document* notices = member(status, "notices");
  if (notices == nullptr || notices->items.empty()) return out + line("notices", "none");
  std::string_view label = "notices";
  for (const base::Document& notice : notices->items) {
    out += line(label,
                fmt::format("{}/{}: {}", word(notice, "kind"), word(notice, "name"), word(notice, "what")));
    label = "";
  }
  return out;
}

}  // namespace claviger::cli
