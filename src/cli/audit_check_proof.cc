// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "audit/key_chain.h"
#include "audit/log_view.h"
#include "audit/proof.h"
#include "cli/catalog.h"
#include "cli/input.h"
#include "cli/log_directory.h"
#include "cli/output.h"

namespace claviger::cli {
namespace {

constexpr std::size_t kMaxEvent = std::size_t{16} << 10;

class AuditCheckProof final : public Command {
 public:
  std::string_view path() const noexcept override { return "audit check-proof"; }
  std::string_view summary() const noexcept override {
    return "Check a proof that `audit prove` made; needs the key and nothing of the log";
  }
  std::string_view examples() const noexcept override {
    return "  claviger audit check-proof call.tlog-proof --event call.json --key "
           "'claviger/prod+1a2b3c4d+AVx...'\n"
           "  claviger audit check-proof since.proof --since checkpoint-2027-01-01 --key KEY\n\n"
           "The key is the log's verifier key, which you should have from somewhere else than from whoever "
           "gave you the "
           "proof.\nWhere the log's key was rotated between two checkpoints, give both: --key OLD --key NEW.";
  }
  void declare(Flags& flags) override {
    flags.positional("FILE", file_, "The proof");
    flags.option("--event", "FILE", event_, "The event that it is a proof for: the line of the log");
    flags.option("--since", "CHECKPOINT", since_, "The checkpoint that it is a proof for, as you saved it");
    flags.repeated("--key", "KEY", keys_, "A verifier key of the log's that you trust; may be given again");
  }

  Result<void> run() override {
    if (file_.empty()) return usage_error("say which proof: FILE");
    if (keys_.empty()) return usage_error("say whose signature counts: --key KEY");
    const audit::KeyChain keys = CLV_TRY(trusted_keys());
    const std::string text = CLV_TRY(read_input(file_, audit::kMaxProof));
    switch (audit::kind_of_proof(text)) {
      case audit::ProofKind::kInclusion:
        return check_event(text, keys);
      case audit::ProofKind::kConsistency:
        return check_since(text, keys);
      case audit::ProofKind::kRange:
        return usage_error(
            "this is the proof of an evidence pack: `claviger audit verify --pack DIR` checks it");
      case audit::ProofKind::kNone:
        break;
    }
    return not_verified(Error::formatted(Code::kInvalid, Blame::kOperator, file_ + " is no proof"));
  }

 private:
  Result<audit::KeyChain> trusted_keys() const {
    std::string lines;
    for (const std::string& key : keys_) lines += key + "\n";
    auto chain = audit::KeyChain::parse(lines);
    return chain.has_value() ? std::move(chain) : Result<audit::KeyChain>(chain.error().within("--key"));
  }

  Result<void> check_event(const std::string& text, const audit::KeyChain& keys) const {
    if (event_.empty() || !since_.empty())
      return usage_error("this is the proof of an event: give it with --event FILE");
    std::string line = CLV_TRY(read_input(event_, kMaxEvent));
    if (line.ends_with('\n')) line.pop_back();
    const auto checked = inclusion(text, line, keys);
    if (!checked.has_value()) return not_verified(checked.error());
    return print(fmt::format("VERIFIED: this is event {} of the log {}, as it was at {} events.\n",
                             checked->event, keys.origin(), checked->size));
  }

  struct Place {
    std::uint64_t event = 0, size = 0;
  };
  static Result<Place> inclusion(const std::string& text, const std::string& line,
                                 const audit::KeyChain& keys) {
    const audit::InclusionProof proof = CLV_TRY(audit::parse_inclusion_proof(text));
    const audit::Checkpoint checkpoint = CLV_TRY(audit::open_checkpoint_of(proof.checkpoint, keys));
    CLV_TRY_VOID(audit::check_inclusion(proof, line, checkpoint));
    return Place{proof.event, checkpoint.size};
  }

  Result<void> check_since(const std::string& text, const audit::KeyChain& keys) const {
    if (since_.empty() || !event_.empty())
      return usage_error(
          "this is the proof that a log goes on from a checkpoint: give that with --since FILE");
    const auto checked = consistency(text, keys);
    if (!checked.has_value()) return not_verified(checked.error());
    return print(
        fmt::format("VERIFIED: the log {} of {} events goes on from the {} of {}, which are the same.\n",
                    keys.origin(), checked->size, checked->event, since_));
  }

  Result<Place> consistency(const std::string& text, const audit::KeyChain& keys) const {
    const audit::Checkpoint since = CLV_TRY(audit::read_saved_checkpoint(since_, keys));
    const audit::ConsistencyProof proof = CLV_TRY(audit::parse_consistency_proof(text));
    const audit::Checkpoint checkpoint = CLV_TRY(audit::open_checkpoint_of(proof.checkpoint, keys));
    CLV_TRY_VOID(audit::check_consistency(proof, since, checkpoint));
    return Place{since.size, checkpoint.size};
  }

  std::string file_, event_, since_;
  std::vector<std::string> keys_;
};

}  // namespace

std::unique_ptr<Command> make_audit_check_proof() { return std::make_unique<AuditCheckProof>(); }

}  // namespace claviger::cli
