// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "audit/verify.h"
#include "cli/catalog.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

void show_progress(std::uint64_t bytes, std::uint64_t of) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  std::fprintf(stderr, "\r%llu of %llu MiB ", static_cast<unsigned long long>(bytes / kMiB),
               static_cast<unsigned long long>(of / kMiB));
}

class AuditVerify final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit verify"; }
  std::string_view summary() const noexcept override {
    return "Check that an audit log, or a copy of one, is whole and unaltered; works offline";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit verify --data-dir /var/lib/claviger\n"
           "  claviger audit verify --log ./copy-of-audit --key 'claviger/prod+1a2b3c4d+AVx...'\n"
           "  claviger audit verify --log ./copy-of-audit --against checkpoint-of-last-month\n\n"
           "Keep checkpoints and the key somewhere else than on the gateway's machine: whoever owns that "
           "machine "
           "could\nwrite another log and sign it, which only a comparison with what is kept elsewhere shows.";
  }
  void declare(Flags& flags) override {
    flags.option("--data-dir", "DIR", data_dir_, "The gateway's data directory; its log is DIR/audit");
    flags.option("--log", "DIR", log_, "The log's own directory, or a copy of it");
    flags.option("--against", "FILE", against_,
                 "A checkpoint that was saved earlier: the log must continue from it");
    flags.option("--key", "KEY", key_, "The verifier key (default: the one that lies beside the log)");
  }

  Result<void> run() override {
    if (data_dir_.empty() == log_.empty()) return usage_error("give either --data-dir DIR or --log DIR");
    audit::VerifyOptions options{
        .directory = log_.empty() ? data_dir_ + "/audit" : log_, .against = against_, .key = key_};
    const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
    if (is_terminal) options.progress = show_progress;
    const auto report = audit::verify_log(options);
    if (is_terminal) std::fputs("\r\x1b[K", stderr);
    if (!report.has_value())
      return report.error().code() == Code::kInvalid ? report.error().within("NOT VERIFIED") : report.error();
    return print(text_of(*report));
  }

 private:
  std::string text_of(const audit::VerifyReport& report) const {
    std::string text;
    if (report.events == 0) {
      text = "The log is empty: there is nothing to prove.\n";
    } else {
      text = fmt::format("VERIFIED: {} events, {} checkpoints, none changed, removed, added or reordered.\n",
                         report.events - report.beyond_checkpoint, report.checkpoints);
    }
    if (report.against > 0)
      text += fmt::format("The log continues from {}: its first {} events are the same.\n", against_,
                          report.against);
    text += fmt::format("Key: {}{}\n", report.key, report.key_was_given ? "" : " (it lies beside the log)");
    text += limits(report);
    if (!report.last_checkpoint.empty()) text += "Last checkpoint:\n\n" + report.last_checkpoint;
    return text;
  }

  // What a reader might take for proven, and is not.
  static std::string limits(const audit::VerifyReport& report) {
    std::string text;
    if (report.beyond_checkpoint > 0)
      text += fmt::format("Not proven: the last {} events; no checkpoint covers them yet.\n",
                          report.beyond_checkpoint);
    if (report.unfinished_bytes > 0)
      text += fmt::format("Not proven: {} bytes of an unfinished last line.\n", report.unfinished_bytes);
    if (!report.key_was_given)
      text += "Not proven: that the key is the gateway's. Give the one you keep elsewhere with --key.\n";
    if (report.against == 0)
      text +=
          "Not proven: that nothing was cut off the end. Compare with a checkpoint kept elsewhere "
          "(--against).\n";
    return text;
  }

  std::string data_dir_, log_, against_, key_;
};

}  // namespace

std::unique_ptr<Command> make_audit_verify() { return std::make_unique<AuditVerify>(); }

}  // namespace claviger::cli
