// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "audit/evidence_pack.h"
#include "audit/filter.h"
#include "base/clock.h"
#include "cli/catalog.h"
#include "cli/log_directory.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

class AuditExport final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit export"; }
  std::string_view summary() const noexcept override {
    return "Make an evidence pack: the events of a time, with all it takes to check them elsewhere";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit export --from 2027-01-01 --to 2027-02-01 --data-dir /var/lib/claviger -o "
           "january.tar\n"
           "  claviger audit export --from 2027-01-07T09:00:00Z --to 2027-01-07T09:05:00Z --log ./copy -o "
           "incident\n\n"
           "In it are the events, the proof that they are in the log and that none between them is missing, "
           "the checkpoint "
           "and\nthe keys, instructions, and a program in plain Python that checks it all. Whoever gets it "
           "needs the log's "
           "verifier\nkey from somewhere else (`claviger audit checkpoint` names it), and nothing of the "
           "gateway. Here, "
           "`claviger audit\nverify --pack DIR` does the same. Times are UTC.";
  }
  void declare(Flags& flags) override {
    log_.declare(flags);
    flags.required("--from", "TIME", from_,
                   "From then on: 2027-01-01T00:00:00Z, 2027-01-01, or how long ago, such as 2h");
    flags.required("--to", "TIME", to_, "Up to then and not beyond: the same, or 0s for now");
    flags.required("-o,--output", "PATH", out_,
                   "What to make: a directory, or an archive when it ends in .tar; not there yet");
  }

  Result<void> run() override {
    const WallTime now = SystemClock().wall();
    const WallTime from = CLV_TRY(time_in("--from", from_, now));
    const WallTime to = CLV_TRY(time_in("--to", to_, now));
    if (from >= to) return usage_error("--from is not before --to");
    audit::ExportOptions options{
        .directory = CLV_TRY(log_.path()), .from = from, .to = to, .out = out_, .progress = nullptr};
    const auto report = [&] {
      const ProgressLine progress;
      options.progress = progress.report();
      return audit::export_pack(options);
    }();
    if (!report.has_value()) return report.error();
    return print(text_of(*report));
  }

 private:
  static Result<WallTime> time_in(std::string_view flag, const std::string& text, WallTime now) {
    const auto time = audit::parse_when(text, now);
    if (!time.has_value()) return usage_error(fmt::format("{}: {}", flag, time.error().what()));
    return *time;
  }

  std::string text_of(const audit::ExportReport& report) const {
    std::string text =
        fmt::format("Saved to {}: events {} to {} ({} events, {} bytes)\n", out_, report.events.begin,
                    report.events.end - 1, report.events.end - report.events.begin, report.bytes);
    if (report.outside > 0)
      text += fmt::format("{} of them are of other times, between the others: the clock was set.\n",
                          report.outside);
    if (report.not_covered > 0)
      text += fmt::format(
          "Left out: {} events at the end that no checkpoint covers yet; in a few seconds one will.\n",
          report.not_covered);
    text += "Whoever gets it needs one of the log's verifier keys, by another way:\n";
    for (const std::string& key : report.keys) text += "  " + key + "\n";
    return text;
  }

  LogDirectory log_;
  std::string from_, to_, out_;
};

}  // namespace

std::unique_ptr<Command> make_audit_export() { return std::make_unique<AuditExport>(); }

}  // namespace claviger::cli
