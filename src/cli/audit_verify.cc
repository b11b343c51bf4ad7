// SPDX-License-Identifier: Apache-2.0
#include "audit/verify.h"

#include <fmt/format.h>

#include "audit/evidence_pack.h"
#include "cli/catalog.h"
#include "cli/log_directory.h"
#include "cli/output.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

class AuditVerify final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit verify"; }
  std::string_view summary() const noexcept override {
    return "Check that an audit log, a copy of one, or an evidence pack is whole and unaltered; works "
           "offline";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit verify --data-dir /var/lib/claviger\n"
           "  claviger audit verify --log ./copy-of-audit --key 'claviger/prod+1a2b3c4d+AVx...'\n"
           "  claviger audit verify --log ./copy-of-audit --against checkpoint-of-last-month\n"
           "  claviger audit verify --pack ./evidence --key 'claviger/prod+1a2b3c4d+AVx...'\n\n"
           "Keep checkpoints and the key somewhere else than on the gateway's machine: whoever owns that "
           "machine "
           "could\nwrite another log and sign it, which only a comparison with what is kept elsewhere shows. "
           "Where the "
           "key was\nrotated, any of the log's keys will do.";
  }
  void declare(Flags& flags) override {
    log_.declare(flags);
    flags.option("--pack", "DIR", pack_, "What `audit export` made, unpacked");
    flags.option("--against", "FILE", against_,
                 "A checkpoint that was saved earlier: the log must continue from it");
    flags.option("--key", "KEY", key_, "The verifier key (default: the one that lies beside the log)");
  }

  Result<void> run() override { return pack_.empty() ? verify_log() : verify_pack(); }

 private:
  Result<void> verify_log() const {
    audit::VerifyOptions options{
        .directory = CLV_TRY(log_.path()), .against = against_, .key = key_, .progress = nullptr};
    const auto report = [&] {
      const ProgressLine progress;
      options.progress = progress.report();
      return audit::verify_log(options);
    }();
    if (!report.has_value()) return not_verified(report.error());
    return print(text_of(*report));
  }

  Result<void> verify_pack() const {
    if (log_.is_given() || !against_.empty())
      return usage_error("--pack goes with --key only: what is in the pack is all there is");
    audit::PackOptions options{.directory = pack_, .key = key_, .progress = nullptr};
    const auto report = [&] {
      const ProgressLine progress;
      options.progress = progress.report();
      return audit::verify_pack(options);
    }();
    if (!report.has_value()) return not_verified(report.error());
    return print(text_of(*report));
  }

  std::string text_of(const audit::VerifyReport& report) const {
    std::string text;
    if (report.events == 0) {
      text = "The log is empty: there is nothing to prove.\n";
    } else {
      text = fmt::format("VERIFIED: {} events, {} checkpoints, none changed, removed, added or reordered.\n",
                         report.events - report.first_event - report.beyond_checkpoint, report.checkpoints);
    }
    if (report.first_event > 0)
      text += fmt::format(
          "The first {} events were pruned, which an event of the log says; what is kept begins with event "
          "{}.\n",
          report.first_event, report.first_event);
    if (report.against > 0)
      text += fmt::format("The log continues from {}: its first {} events are the same.\n", against_,
                          report.against);
    text += keys_of(report) + limits(report);
    if (!report.last_checkpoint.empty()) text += "Last checkpoint:\n\n" + report.last_checkpoint;
    return text;
  }

  static std::string keys_of(const audit::VerifyReport& report) {
    std::string text;
    for (const std::string& key : report.keys)
      text += fmt::format("{}: {}{}\n", text.empty() ? "Key" : "then", key,
                          report.key_was_given || !text.empty() ? "" : " (it lies beside the log)");
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

  static std::string text_of(const audit::PackReport& report) {
    std::string text = fmt::format(
        "VERIFIED: events {} to {} of the log, none changed, removed, added or reordered.\nTimes: {} to "
        "{}\nKey: {}{}\n",
        report.events.begin, report.events.end - 1, printable(report.first_time), printable(report.last_time),
        report.key, report.key_was_given ? "" : " (it lies in the pack)");
    if (report.key != report.keys.back())
      text += fmt::format("It handed over to the key that signed, {}\n", report.keys.back());
    if (!report.key_was_given)
      text += "Not proven: that the key is the gateway's. Give the one you have from elsewhere with --key.\n";
    return text + "Checkpoint:\n\n" + report.checkpoint;
  }

  LogDirectory log_;
  std::string against_, key_, pack_;
};

}  // namespace

std::unique_ptr<Command> make_audit_verify() { return std::make_unique<AuditVerify>(); }

}  // namespace claviger::cli
