// SPDX-License-Identifier: Apache-2.0
#include "audit/testing/memory_disk.h"

#include <algorithm>
#include <fstream>

namespace claviger::audit::testing {
namespace {
const Error kBroken(Code::kUnavailable, Blame::kOperator, "the disk fails");
constexpr std::size_t kBlock = 64;  // small, so that lines get torn in many ways
}  // namespace

class MemoryFile final : public DiskFile {
 public:
  MemoryFile(MemoryDisk& disk, std::shared_ptr<MemoryDisk::File> file)
      : disk_(disk), file_(std::move(file)) {}

  Result<std::uint64_t> size() override { return file_->seen.size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    const std::string_view all = file_->seen;
    const auto part = all.substr(std::min<std::size_t>(offset, all.size()), into.size());
    std::ranges::copy(part, into.begin());
    return part.size();
  }
  Result<void> write(std::uint64_t offset, std::span<const std::string_view> parts) override {
    std::string data;
    for (const std::string_view part : parts) data += part;
    const bool fails = disk_.fails();
    if (fails) data.resize(disk_.random_() % (data.size() + 1));
    change({offset, std::move(data), false});
    if (fails) return kBroken;
    return ok();
  }
  Result<void> truncate(std::uint64_t size) override {
    if (disk_.fails()) return kBroken;
    change({size, {}, true});
    return ok();
  }
  Result<void> sync() override {
    if (disk_.fails()) {
      disk_.keep_some(*file_);
      return kBroken;
    }
    // What a failed sync gave up is not in `pending`, and so does not get there.
    for (const auto& pending : file_->pending) MemoryDisk::apply(file_->durable, pending);
    file_->pending.clear();
    return ok();
  }
  Result<void> check_in_place(std::uint64_t size) override {
    const bool is_there =
        std::ranges::any_of(disk_.files_, [&](const auto& entry) { return entry.second == file_; });
    if (is_there && file_->seen.size() == size) return ok();
    return Error(Code::kUnavailable, Blame::kOperator, "the file was changed");
  }

 private:
  void change(MemoryDisk::Change change) {
    MemoryDisk::apply(file_->seen, change);
    file_->pending.push_back(std::move(change));
  }

  MemoryDisk& disk_;
  std::shared_ptr<MemoryDisk::File> file_;
};

class MemoryDirectory final : public Disk {
 public:
  explicit MemoryDirectory(MemoryDisk& disk) : disk_(disk) {}

  const std::string& path() const noexcept override { return path_; }
  Result<bool> has(const std::string& name) override { return disk_.files_.contains(name); }
  Result<std::unique_ptr<DiskFile>> open_file(const std::string& name) override {
    auto& file = disk_.files_[name];
    if (!file) {
      file = std::make_shared<MemoryDisk::File>();
      if (disk_.fails()) {
        if (disk_.random_() % 2 == 0) disk_.files_.erase(name);
        return kBroken;
      }
    }
    return std::make_unique<MemoryFile>(disk_, file);
  }
  Result<std::optional<std::string>> read(const std::string& name, std::size_t most) override {
    const auto file = disk_.files_.find(name);
    if (file == disk_.files_.end()) return std::optional<std::string>();
    if (file->second->seen.size() > most) return Error(Code::kInvalid, Blame::kOperator, "too large");
    return std::optional(file->second->seen);
  }
  Result<void> replace(const std::string& name, std::string_view text) override {
    // It may have happened all the same.
    const bool fails = disk_.fails();
    if (fails && disk_.random_() % 2 == 0) return kBroken;
    auto file = std::make_shared<MemoryDisk::File>();
    file->seen = file->durable = text;
    disk_.files_[name] = std::move(file);
    if (fails) return kBroken;
    return ok();
  }
  Result<std::vector<Entry>> list() override {
    std::vector<Entry> entries;
    for (const auto& [name, file] : disk_.files_) entries.push_back({name, file->seen.size()});
    return entries;
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (disk_.files_.contains(to) || !disk_.files_.contains(from)) return kBroken;
    return change_names([&] {
      auto file = disk_.files_.extract(from);
      file.key() = to;
      disk_.files_.insert(std::move(file));
    });
  }
  // When it fails, any of them may be gone.
  Result<void> remove(std::span<const std::string> names) override {
    const bool fails = disk_.fails();
    for (const std::string& name : names)
      if (!fails || disk_.random_() % 2 == 0) disk_.files_.erase(name);
    if (fails) return kBroken;
    return ok();
  }
  Result<std::uint64_t> free_bytes() override {
    if (disk_.when_asked_) disk_.when_asked_();
    return disk_.free_bytes_;
  }

 private:
  // What failed may have happened all the same.
  template <class Change>
  Result<void> change_names(Change change) {
    const bool fails = disk_.fails();
    if (!fails || disk_.random_() % 2 == 0) change();
    if (fails) return kBroken;
    return ok();
  }

  MemoryDisk& disk_;
  std::string path_ = "memory";
};

std::unique_ptr<Disk> MemoryDisk::attach() { return std::make_unique<MemoryDirectory>(*this); }

void MemoryDisk::fail_after(std::uint64_t count, bool stays) {
  fail_at_ = operations_ + count;
  stays_ = stays;
  is_broken_ = has_failed_ = false;
}

bool MemoryDisk::fails() {
  ++operations_;
  if (operations_ == fail_at_) is_broken_ = true;
  if (!is_broken_) return false;
  has_failed_ = true;
  is_broken_ = stays_;
  return true;
}

void MemoryDisk::apply(std::string& data, const Change& change) {
  if (change.is_cut) return data.resize(change.offset);
  if (change.data.empty()) return;
  data.resize(std::max(data.size(), change.offset + change.data.size()));
  std::ranges::copy(change.data, data.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

// Any of the blocks of what is pending gets there; a cut as a whole or not at all.
void MemoryDisk::keep_some(File& file) {
  const unsigned kept = random_() % 4;  // of four; 0 keeps nothing
  for (const Change& change : file.pending) {
    if (change.is_cut) {
      if (random_() % 4 < kept) apply(file.durable, change);
      continue;
    }
    for (std::size_t at = 0; at < change.data.size(); at += kBlock)
      if (random_() % 4 < kept)
        apply(file.durable, {change.offset + at, change.data.substr(at, kBlock), false});
  }
  file.pending.clear();
}

void MemoryDisk::lose_power() {
  for (auto& [name, file] : files_) {
    keep_some(*file);
    file->seen = file->durable;
  }
  repair();
}

std::map<std::string, std::string> MemoryDisk::contents() const {
  std::map<std::string, std::string> all;
  for (const auto& [name, file] : files_) all[name] = file->seen;
  return all;
}

void MemoryDisk::put(const std::string& name, const std::string& text) {
  files_[name] = std::make_shared<File>(File{text, text, {}});
}

MemoryDisk MemoryDisk::copy() const {
  MemoryDisk other;
  for (const auto& [name, file] : files_) other.files_[name] = std::make_shared<File>(*file);
  return other;
}

void MemoryDisk::write_to(const std::string& directory) const {
  for (const auto& [name, file] : files_)
    std::ofstream(directory + "/" + name, std::ios::binary) << file->seen;
}

}  // namespace claviger::audit::testing
