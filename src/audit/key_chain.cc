// SPDX-License-Identifier: Apache-2.0
#include "audit/key_chain.h"

#include <algorithm>
#include <utility>

#include "audit/event.h"
#include "base/json.h"

namespace claviger::audit {
namespace {

constexpr std::string_view kRotated = "audit.key_rotated";
// Every event begins with version, time and type, so that its type is found without reading it.
constexpr std::string_view kBeforeType = R"({"v":1,"time":"2026-01-01T00:00:00.000Z",)";
constexpr std::string_view kRotatedType = R"("type":"audit.key_rotated",)";
constexpr std::size_t kMostNodes = 64;

template <std::size_t N>
Error invalid(const char (&what)[N]) {
  return Error(Code::kInvalid, Blame::kOperator, what);
}

std::optional<VerifierKey> key_in(const base::Document& event, std::string_view name) {
  for (const auto& [field, value] : event.entries) {
    if (field != name || value.type != base::Document::Type::kScalar || !value.quoted) continue;
    auto key = parse_verifier_key(value.scalar);
    if (key.has_value()) return *std::move(key);
  }
  return std::nullopt;
}

}  // namespace

Result<KeyChain> KeyChain::parse(std::string_view text) {
  if (text.size() > kMaxText) return invalid("a list of verifier keys is too long");
  const std::string_view first = CLV_TRY(take_line(text));
  KeyChain chain(CLV_TRY(parse_verifier_key(first)));
  while (!text.empty()) {
    const std::string_view line = CLV_TRY(take_line(text));
    VerifierKey key = CLV_TRY(parse_verifier_key(line));
    CLV_TRY_VOID(chain.add(std::move(key)));
  }
  return chain;
}

bool KeyChain::has(const VerifierKey& key) const noexcept {
  return std::ranges::find(keys_, key) != keys_.end();
}

Result<void> KeyChain::add(VerifierKey key) {
  if (key.name != origin()) return invalid("verifier keys of different logs in one list");
  // By its id a signature is assigned to a key: two of one id would be no better than the same one.
  const std::uint32_t id = key.id();
  if (std::ranges::any_of(keys_, [&](const VerifierKey& known) { return known.id() == id; }))
    return invalid("a verifier key stands twice in one list");
  if (keys_.size() == kMostKeys) return invalid("a log has too many verifier keys: begin a new one");
  keys_.push_back(std::move(key));
  return ok();
}

std::string KeyChain::text() const {
  std::string text;
  for (const VerifierKey& key : keys_) text += key.text() + "\n";
  return text;
}

std::string key_rotated_event(WallTime time, const KeyRotated& rotated) {
  return Event(time, kRotated).add("from", rotated.from.text()).add("to", rotated.to.text()).text();
}

std::optional<KeyRotated> find_key_rotated(std::string_view line) {
  if (line.size() < kBeforeType.size() || !line.substr(kBeforeType.size()).starts_with(kRotatedType))
    return std::nullopt;
  const auto event = base::parse_json(line, {}, kMostNodes);
  if (!event.has_value() || event->type != base::Document::Type::kMap) return std::nullopt;
  const bool is_rotation = std::ranges::any_of(event->entries, [](const base::DocumentEntry& entry) {
    return entry.first == "type" && entry.second.quoted && entry.second.scalar == kRotated;
  });
  auto from = key_in(*event, "from");
  auto to = key_in(*event, "to");
  if (!is_rotation || !from || !to || from->name != to->name || *from == *to) return std::nullopt;
  return KeyRotated{*std::move(from), *std::move(to)};
}

KeyWalk::KeyWalk(KeyChain listed, bool begins_late)
    : keys_(listed.keys().begin(), listed.keys().end()), begins_late_(begins_late) {}

// Where more keys are listed, the one behind the current one is the only one that may follow it.
bool KeyWalk::is_listed_next(const VerifierKey& key) const noexcept {
  return at_ + 1 == keys_.size() || keys_[at_ + 1] == key;
}

// Which key is current at the beginning of what is kept is not known before somebody has signed or handed over.
void KeyWalk::begin_at(const VerifierKey& key) noexcept {
  const auto found = std::ranges::find(keys_, key);
  if (found != keys_.end()) at_ = static_cast<std::size_t>(found - keys_.begin());
}

void KeyWalk::pass(std::string_view line, std::uint64_t number) {
  const auto rotated = find_key_rotated(line);
  if (!rotated) return;
  if (begins_late_ && reigns_.empty()) begin_at(rotated->from);
  if (rotated->from != current() || !is_listed_next(rotated->to)) return;
  // A key that was announced and lost again never signs; the one that was announced last does.
  if (!handover_ || handover_->to != rotated->to) handover_ = Handover{rotated->to, number};
}

Result<Checkpoint> KeyWalk::open(std::string_view note) {
  if (reigns_.empty() && begins_late_) return open_first(note);
  const auto checkpoint = open_checkpoint(note, current());
  if (checkpoint.has_value()) {
    signed_by(current(), checkpoint->size);
    return checkpoint;
  }
  // The old key has to have vouched for the event before the new one counts.
  const bool is_handed_over = handover_ && !reigns_.empty() && reigns_.back().key == current() &&
                              reigns_.back().last > handover_->event;
  if (!is_handed_over) return checkpoint.error();
  const Checkpoint by_next = CLV_TRY(open_checkpoint(note, handover_->to));
  if (++at_ == keys_.size()) keys_.push_back(handover_->to);
  handover_.reset();
  signed_by(current(), by_next.size);
  return by_next;
}

Result<Checkpoint> KeyWalk::open_first(std::string_view note) {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const auto checkpoint = open_checkpoint(note, keys_[i]);
    if (!checkpoint.has_value()) continue;
    if (at_ != i) handover_.reset();
    at_ = i;
    signed_by(current(), checkpoint->size);
    return checkpoint;
  }
  return invalid("the first checkpoint is signed by none of the log's keys");
}

void KeyWalk::signed_by(const VerifierKey& key, std::uint64_t size) {
  if (reigns_.empty() || reigns_.back().key != key) reigns_.push_back({key, size, size});
  reigns_.back().last = size;
}

Result<Checkpoint> KeyWalk::open_elsewhere(std::string_view note) const {
  std::optional<Error> why_not;
  for (std::size_t i = 0; i < reigns_.size(); ++i) {
    const auto checkpoint = open_checkpoint(note, reigns_[i].key);
    if (!checkpoint.has_value()) {
      why_not = checkpoint.error();
      continue;
    }
    const bool is_early = i > 0 && checkpoint->size <= reigns_[i - 1].last;
    const bool is_late = i + 1 < reigns_.size() && checkpoint->size >= reigns_[i + 1].first;
    if (!is_early && !is_late) return checkpoint;
    return invalid("it is signed by a key that was not the log's at that place");
  }
  return why_not ? *why_not : invalid("nothing of the log is signed");
}

std::vector<VerifierKey> KeyWalk::signers() const {
  std::vector<VerifierKey> all;
  for (const Reign& reign : reigns_) all.push_back(reign.key);
  return all;
}

bool KeyWalk::has_signed(const VerifierKey& key) const noexcept {
  return std::ranges::any_of(reigns_, [&](const Reign& reign) { return reign.key == key; });
}

}  // namespace claviger::audit
