// SPDX-License-Identifier: Apache-2.0
#include "audit/evidence_pack.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "audit/evidence_files.h"
#include "audit/key_chain.h"
#include "audit/line.h"
#include "audit/log_view.h"
#include "audit/prove.h"
#include "base/parse.h"

namespace claviger::audit {
namespace {

constexpr std::uint64_t kProgressEvery = std::uint64_t{16} << 20;
constexpr std::size_t kBlock = std::size_t{1} << 20;

Error invalid(std::string what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::move(what));
}

// Calls `progress` now and then.
class Progress {
 public:
  Progress(const std::function<void(std::uint64_t, std::uint64_t)>& report, std::uint64_t of)
      : report_(report), of_(of) {}
  void add(std::uint64_t bytes) {
    const std::uint64_t before = done_ / kProgressEvery;
    done_ += bytes;
    if (report_ && done_ / kProgressEvery != before) report_(done_, of_);
  }

 private:
  const std::function<void(std::uint64_t, std::uint64_t)>& report_;
  std::uint64_t of_;
  std::uint64_t done_ = 0;
};

LineScanner lines_of(const ReadOnlyFile& text) {
  return LineScanner([&text](std::uint64_t offset, std::span<char> into) { return text.read(offset, into); },
                     0);
}

// One key handed over to the next: the event that says so, and the checkpoint of the old key that covers it.
struct Handover {
  KeyRotated keys;
  std::uint64_t event = 0;
  std::string line;
  Checkpoint checkpoint;
  std::string note;  // empty until a checkpoint was found
};

// A place in the text of a segment.
struct TextEnd {
  std::size_t segment = 0;
  std::uint64_t offset = 0;
};

// What a pass over the log's text finds.
struct Scan {
  Span events;  // the shortest run that has all of that time, as far as a checkpoint covers them
  TextEnd begin, end;  // of their text
  std::uint64_t outside = 0;
  std::uint64_t not_covered = 0;
  std::vector<Handover> handovers;  // covered, in order, each from the key that the one before handed over to
};

class Scanner {
 public:
  Scanner(const ExportOptions& options, LogView& view, std::uint64_t covered)
      : view_(view),
        covered_(covered),
        from_(base::format_rfc3339(options.from)),
        to_(base::format_rfc3339(options.to)),
        progress_(options.progress, view.bytes()) {}

  Result<Scan> run() {
    for (index_ = 0; index_ < view_.segments().size(); ++index_) {
      OpenSegment files = CLV_TRY(view_.open_segment(index_));
      CLV_TRY_VOID(scan_text(files.text));
      CLV_TRY_VOID(scan_checkpoints(files.checkpoints));
    }
    scan_.outside = scan_.events.end - scan_.events.begin - inside_;
    return std::move(scan_);
  }

 private:
  Result<void> scan_text(const ReadOnlyFile& text) {
    LineScanner lines = lines_of(text);
    for (std::uint64_t number = view_.segments()[index_].first_event;; ++number) {
      const auto line = CLV_TRY(lines.next());
      if (!line || line->kind != LineScanner::Line::Kind::kWhole) return ok();
      take(*line, number);
      progress_.add(line->text.size() + 1);
    }
  }

  void take(const LineScanner::Line& line, std::uint64_t number) {
    const std::string_view time = leading_time(line.text);
    if (time >= from_ && time < to_) number < covered_ ? add(line, number) : void(++scan_.not_covered);
    if (number >= covered_) return;
    auto rotated = leading_type(line.text).empty() ? std::nullopt : find_key_rotated(line.text);
    if (rotated && is_new(*rotated))
      announced_.push_back({*std::move(rotated), number, std::string(line.text), {}, {}});
  }

  // An event that says the same again says nothing new.
  bool is_new(const KeyRotated& rotated) const {
    const auto is_known = [&](const Handover& known) { return known.keys == rotated; };
    return std::ranges::none_of(announced_, is_known) && std::ranges::none_of(scan_.handovers, is_known);
  }

  void add(const LineScanner::Line& line, std::uint64_t number) {
    if (inside_++ == 0) {
      scan_.events.begin = number;
      scan_.begin = {index_, line.offset};
    }
    scan_.events.end = number + 1;
    scan_.end = {index_, line.offset + line.text.size() + 1};
  }

  // An announcement counts once a checkpoint of the old key covers it and the new key signs the next: of several, the last.
  Result<void> scan_checkpoints(NoteStream& notes) {
    for (auto note = CLV_TRY(notes.next()); !note.empty() && !announced_.empty();
         note = CLV_TRY(notes.next())) {
      const std::uint64_t size = claimed_size(note);
      for (Handover& handover : announced_) {
        if (size <= handover.event) continue;
        if (!handover.note.empty()) {
          if (open_checkpoint(note, handover.keys.to).has_value()) {
            accept(handover);
            break;
          }
        } else if (const auto by_old = open_checkpoint(note, handover.keys.from); by_old.has_value()) {
          handover.checkpoint = *by_old;
          handover.note = note;
        }
      }
    }
    return ok();
  }

  void accept(Handover& handover) {
    const VerifierKey from = handover.keys.from;
    if (scan_.handovers.empty() || scan_.handovers.back().keys.to == from)
      scan_.handovers.push_back(std::move(handover));
    std::erase_if(announced_,
                  [&](const Handover& other) { return other.keys.from == from || other.line.empty(); });
  }

  // What a note that nobody looked at yet says of itself.
  static std::uint64_t claimed_size(std::string_view note) {
    (void)take_line(note);
    const auto size = take_number(note);
    return size.has_value() ? *size : 0;
  }

  LogView& view_;
  const std::uint64_t covered_;
  const std::string from_, to_;
  Progress progress_;
  std::size_t index_ = 0;
  std::uint64_t inside_ = 0;
  std::vector<Handover> announced_;
  Scan scan_;
};

class Exporter {
 public:
  explicit Exporter(const ExportOptions& options) : options_(options) {}

  Result<ExportReport> run() {
    UnfinishedPack pack = CLV_TRY(UnfinishedPack::make(options_.out));
    const LogView earlier =
        CLV_TRY(LogView::open(options_.directory));  // what is looked at later has all it covers
    const NewestCheckpoint last = CLV_TRY(find_newest_checkpoint(earlier));
    CLV_TRY_VOID(scan(last));
    CLV_TRY_VOID(write_events(pack));
    CLV_TRY_VOID(write_proof(pack, last));
    CLV_TRY_VOID(write_keys(pack, last));
    CLV_TRY_VOID(pack.write_file(pack::kScript, kPackVerifyScript));
    CLV_TRY_VOID(pack.write_file(pack::kReadme, readme(last)));
    const auto checked = verify_pack({.directory = pack.path(), .key = {}, .progress = nullptr});
    if (!checked.has_value())
      return invalid(
          fmt::format("the log is not the one that its last checkpoint vouches for ({}): run `claviger audit "
                      "verify` to see where it was altered",
                      checked.error().what()));
    CLV_TRY_VOID(pack.publish());
    return std::move(report_);
  }

 private:
  Result<void> scan(const NewestCheckpoint& last) {
    LogView view = CLV_TRY(LogView::open(options_.directory));
    scan_ = CLV_TRY(Scanner(options_, view, last.checkpoint.size).run());
    if (scan_.events.begin == scan_.events.end)
      return Error::formatted(
          Code::kNotFound, Blame::kOperator,
          fmt::format("no event from {} up to {} is in the log{}", base::format_rfc3339(options_.from),
                      base::format_rfc3339(options_.to),
                      scan_.not_covered > 0 ? " and under a checkpoint: try again in a few seconds" : ""));
    report_.events = scan_.events;
    report_.outside = scan_.outside;
    report_.not_covered = scan_.not_covered;
    return ok();
  }

  // The text as it is, byte for byte.
  Result<void> write_events(const UnfinishedPack& pack) {
    const base::Descriptor file = CLV_TRY(pack.create_file(pack::kEvents));
    LogView view = CLV_TRY(LogView::open(options_.directory));
    for (std::size_t i = 0; i < view.segments().size(); ++i) {
      if (view.segment_end(i) <= scan_.events.begin || view.segments()[i].first_event >= scan_.events.end)
        continue;
      const OpenSegment files = CLV_TRY(view.open_segment(i));
      const bool is_first = view.segments()[i].first_event <= scan_.events.begin;
      const bool is_last = view.segment_end(i) >= scan_.events.end;
      CLV_TRY_VOID(copy(files.text, is_first ? scan_.begin.offset : 0,
                        is_last ? scan_.end.offset : files.text.size(), file.number()));
    }
    if (::fsync(file.number()) == 0) return ok();
    return Error::from_errno(Code::kIo, Blame::kOperator, "cannot sync the events", errno);
  }

  Result<void> copy(const ReadOnlyFile& text, std::uint64_t at, std::uint64_t end, int to) {
    std::string block;
    for (; at < end; at += block.size(), report_.bytes += block.size()) {
      block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, end - at)));
      block.resize(CLV_TRY(text.read(at, block)));
      if (block.empty()) return invalid("a segment became shorter while it was read");
      if (!base::write_all(to, block))
        return Error::from_errno(Code::kIo, Blame::kOperator, "cannot write the events", errno);
    }
    return ok();
  }

  Result<void> write_proof(const UnfinishedPack& pack, const NewestCheckpoint& last) const {
    LogView view = CLV_TRY(LogView::open(options_.directory));
    RangeProof proof{scan_.events, {}, last.note};
    proof.hashes = CLV_TRY(hash_nodes(view, range_spans(scan_.events, last.checkpoint.size)));
    return pack.write_file(pack::kProof, format_proof(proof));
  }

  // Up to the key that signed the checkpoint: what came after is of no use here.
  Result<void> write_keys(const UnfinishedPack& pack, const NewestCheckpoint& last) {
    const LogView view = CLV_TRY(LogView::open(options_.directory));
    const auto signer = std::ranges::find_if(view.keys().keys(), [&](const VerifierKey& key) {
      return open_checkpoint(last.note, key).has_value();
    });
    if (signer == view.keys().keys().end())
      return invalid("the log's last checkpoint is signed by none of its keys");
    const auto last_handover = std::ranges::find_if(
        scan_.handovers, [&](const Handover& handover) { return handover.keys.to == *signer; });
    if (last_handover == scan_.handovers.end()) scan_.handovers.clear();
    else scan_.handovers.erase(last_handover + 1, scan_.handovers.end());
    for (const Handover& handover : scan_.handovers) report_.keys.push_back(handover.keys.from.text());
    report_.keys.push_back(signer->text());
    std::string text;
    for (const std::string& key : report_.keys) text += key + "\n";
    CLV_TRY_VOID(pack.write_file(pack::kKeys, text));
    for (std::size_t i = 0; i < scan_.handovers.size(); ++i)
      CLV_TRY_VOID(write_handover(pack, i + 1, scan_.handovers[i]));
    return ok();
  }

  Result<void> write_handover(const UnfinishedPack& pack, std::uint64_t number,
                              const Handover& handover) const {
    LogView view = CLV_TRY(LogView::open(options_.directory));
    InclusionProof proof{handover.event, {}, handover.note};
    proof.hashes = CLV_TRY(hash_nodes(view, inclusion_spans(handover.event, handover.checkpoint.size)));
    CLV_TRY_VOID(pack.write_file(pack::rotation_event_name(number), handover.line + "\n"));
    return pack.write_file(pack::rotation_proof_name(number), format_proof(proof));
  }

  std::string readme(const NewestCheckpoint& last) const {
    const std::uint64_t count = scan_.events.end - scan_.events.begin;
    std::string text = fmt::format(
        "Evidence from the audit log {}\n\n"
        "Events {} to {} ({} of them), of times from {} up to {}.\n"
        "They are lines {} to {} of the log, byte for byte: line 1 of {} is event {}.\n",
        last.note.substr(0, last.note.find('\n')), scan_.events.begin, scan_.events.end - 1, count,
        base::format_rfc3339(options_.from), base::format_rfc3339(options_.to), scan_.events.begin + 1,
        scan_.events.end, pack::kEvents, scan_.events.begin);
    if (scan_.outside > 0)
      text += fmt::format(
          "{} of them are of other times: the clock was set between them, and none is left out.\n",
          scan_.outside);
    text += fmt::format(
        "\nTo check them you need Python 3.8 or later, and nothing of whoever gave you this:\n\n"
        "    python3 {} --key 'KEY'\n\n"
        "KEY is the log's verifier key, which you should have from somewhere else than from this directory: "
        "whoever "
        "made it\ncould have made a log and a key as well. It is one of these, if they are the log's:\n\n",
        pack::kScript);
    for (const std::string& key : report_.keys) text += "    " + key + "\n";
    text += fmt::format(
        "\n`claviger audit verify --pack DIR --key 'KEY'` checks the same.\n\n"
        "What it shows: the owner of the key signed a log in which these events stand, in this order, with "
        "these numbers, "
        "none\nbetween the first and the last left out or added, none changed. What it does not show: that "
        "the events "
        "tell the\ntruth, that what happened was recorded, and what stands elsewhere in the log.\n\n"
        "{:<18} the events, one JSON object on each line\n"
        "{:<18} the hashes that lead from them to the root of the log's Merkle tree, and the checkpoint: "
        "the\n"
        "{:<18} signed note that vouches for it (c2sp.org/tlog-checkpoint)\n"
        "{:<18} the keys that signed the log, as far as its text is kept, oldest first\n",
        pack::kEvents, pack::kProof, "", pack::kKeys);
    if (!scan_.handovers.empty())
      text += fmt::format(
          "{:<18} the events by which one key handed over to the next, and the proofs that the old key "
          "signed\n"
          "{:<18} them (c2sp.org/tlog-proof): who trusts one of the keys can trust those after it\n",
          "rotation-*", "");
    text += fmt::format("{:<18} the program; plain Python, with a check of Ed25519 signatures of its own\n",
                        pack::kScript);
    return text;
  }

  const ExportOptions& options_;
  Scan scan_;
  ExportReport report_;
};

Result<std::string> read_part(const std::string& directory, std::string_view name, std::size_t most) {
  return read_small_file(directory + "/" + std::string(name), most);
}

class PackVerifier {
 public:
  explicit PackVerifier(const PackOptions& options) : options_(options) {}

  Result<PackReport> run() {
    auto keys = KeyChain::parse(CLV_TRY(read_part(options_.directory, pack::kKeys, KeyChain::kMaxText)));
    if (!keys.has_value()) return keys.error().within(pack::kKeys);
    for (const VerifierKey& key : keys->keys()) report_.keys.push_back(key.text());
    std::size_t trusted = CLV_TRY(find_trusted());
    // Every handover has to be a good one, those before the trusted key too: a pack has no part that may be wrong.
    for (std::size_t i = 0; i + 1 < keys->keys().size(); ++i)
      CLV_TRY_VOID(check_handover(i + 1, {keys->keys()[i], keys->keys()[i + 1]}));
    report_.key = keys->keys()[trusted].text();
    CLV_TRY_VOID(check_events(keys->current()));
    return std::move(report_);
  }

 private:
  Result<std::size_t> find_trusted() {
    if (options_.key.empty()) return std::size_t{0};
    report_.key_was_given = true;
    const auto found = std::ranges::find(report_.keys, options_.key);
    if (found == report_.keys.end())
      return invalid("the key that was given is none of the pack's, " + options_.key);
    return static_cast<std::size_t>(found - report_.keys.begin());
  }

  Result<void> check_handover(std::uint64_t number, const KeyRotated& expected) const {
    const std::string event_name = pack::rotation_event_name(number);
    std::string line = CLV_TRY(read_part(options_.directory, event_name, kMaxLine + 1));
    if (!line.ends_with('\n')) return invalid(event_name + " is no line");
    line.pop_back();
    if (!is_line(line) || leading_type(line).empty() || find_key_rotated(line) != expected)
      return invalid(
          fmt::format("{} does not say that key {} of the pack handed over to the next", event_name, number));
    const std::string proof_name = pack::rotation_proof_name(number);
    const auto checked = check_handover_proof(CLV_TRY(read_part(options_.directory, proof_name, kMaxProof)),
                                              line, expected.from);
    return checked.has_value() ? ok() : Result<void>(checked.error().within(proof_name));
  }

  static Result<void> check_handover_proof(const std::string& text, std::string_view line,
                                           const VerifierKey& from) {
    const InclusionProof proof = CLV_TRY(parse_inclusion_proof(text));
    const Checkpoint checkpoint = CLV_TRY(open_checkpoint(proof.checkpoint, from));
    return check_inclusion(proof, line, checkpoint);
  }

  Result<void> check_events(const VerifierKey& signer) {
    const std::string text = CLV_TRY(read_part(options_.directory, pack::kProof, kMaxProof));
    const auto proof = parse_range_proof(text);
    if (!proof.has_value()) return proof.error().within(pack::kProof);
    const auto checkpoint = open_checkpoint(proof->checkpoint, signer);
    if (!checkpoint.has_value()) return checkpoint.error().within(pack::kProof);
    auto range = RangeCheck::begin(*proof, checkpoint->size);
    if (!range.has_value()) return range.error().within(pack::kProof);
    CLV_TRY_VOID(read_events(proof->events, *range));
    if (CLV_TRY(range->root()) != checkpoint->root)
      return invalid(fmt::format("{} does not hold the events {} to {} of the log", pack::kEvents,
                                 proof->events.begin, proof->events.end - 1));
    report_.events = proof->events;
    report_.checkpoint = proof->checkpoint;
    return ok();
  }

  Result<void> read_events(Span events, RangeCheck& range) {
    const ReadOnlyFile text = CLV_TRY(ReadOnlyFile::open(options_.directory + "/" + pack::kEvents));
    Progress progress(options_.progress, text.size());
    LineScanner lines = lines_of(text);
    while (const auto line = CLV_TRY(lines.next())) {
      const std::uint64_t number = range.next_event();
      if (number == events.end)
        return invalid(fmt::format("{} has more events than its proof", pack::kEvents));
      if (line->kind != LineScanner::Line::Kind::kWhole || !is_line(line->text))
        return invalid(
            fmt::format("{}:{} (event {}): is no event", pack::kEvents, number - events.begin + 1, number));
      if (report_.first_time.empty()) report_.first_time = leading_time(line->text);
      if (number + 1 == events.end) report_.last_time = leading_time(line->text);
      range.append(crypto::merkle_leaf(line->text));
      report_.bytes += line->text.size() + 1;
      progress.add(line->text.size() + 1);
    }
    if (range.next_event() == events.end) return ok();
    return invalid(
        fmt::format("{} is cut short: it ends before event {}", pack::kEvents, range.next_event()));
  }

  const PackOptions& options_;
  PackReport report_;
};

}  // namespace

Result<ExportReport> export_pack(const ExportOptions& options) { return Exporter(options).run(); }

Result<PackReport> verify_pack(const PackOptions& options) { return PackVerifier(options).run(); }

}  // namespace claviger::audit
