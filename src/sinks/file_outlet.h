// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/file.h"
#include "sinks/json_outlet.h"

namespace claviger::sinks {

// Appends to a file (0600), which it makes, and opens anew where another lies under its name (it was rotated away). A line that a
// crash or a full disk tore is cut off: it is sent again. Meant for a disk of this machine: it waits for it.
class FileOutlet final : public JsonOutlet {
 public:
  FileOutlet(std::string origin, std::string path);

  net::Task<Result<void>> deliver(std::string_view records) override;
  Result<void> make_durable() override;
  void reopen() noexcept override { reopens_ = true; }

 private:
  Result<void> sync();
  Result<void> append(std::string_view records);
  Result<void> open_if_needed();
  Result<void> open();
  Result<void> cut_torn_line();
  bool is_where_it_was() const noexcept;
  Error failed(const char* doing) const;

  const std::string path_;
  base::Descriptor file_;
  bool reopens_ = false;
  std::optional<Error> unsynced_;  // why a file was let go of that may not have all on disk; until it is told
};

}  // namespace claviger::sinks
