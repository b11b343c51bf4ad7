// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/resources.h"
#include "policy/snapshot.h"

namespace claviger::policy {

struct Complaint;

// A resource that was left out, and why.
struct Dropped {
  Kind kind;
  std::string name;
  std::string why;
};

// The next snapshot in the making: a few changes to the one before, or all of the first.
//
// Threads: one. The snapshot it starts from is not changed, and may be in use.
class Draft {
 public:
  explicit Draft(std::shared_ptr<const Snapshot> from);
  ~Draft();

  // Adds the resource, or replaces the one of its kind and name (which keeps its place in the order of grants and
  // credentials; one that was removed before in the same draft goes last). What it refers to may follow later in
  // the same draft. A grant without a name gets name_for() it.
  void put(Resource resource);
  // "ci:openai", ":2" and so on behind it: a name that no grant has, neither before nor in this draft. Another one
  // each time.
  std::string name_for(const GrantResource& grant);
  // kNoResource when there is no such one.
  Result<void> remove(Kind kind, std::string_view name);

  // Changes nothing but makes a snapshot, so it may be called again, after more changes or without any.
  // Checks names, mounts and references of everything that changed or refers to what changed. kInvalid names the place
  // (where the resource has one), kConflict what still refers to a resource that was removed ("principal 'ci' still has
  // grants, such as 'ci:openai'").
  Result<std::shared_ptr<const Snapshot>> finish(std::uint64_t revision);
  // The same, but removes from the draft what is wrong or refers to what is not there, until the rest is right: for a
  // store in which something was tampered with. What was there before and is wrong now does not stay as it was.
  std::shared_ptr<const Snapshot> finish_with_what_is_right(std::uint64_t revision,
                                                            std::vector<Dropped>& dropped);

 private:
  friend class Snapshot;
  struct State;
  void leave_out(Complaint complaint, std::vector<Dropped>& dropped);

  std::unique_ptr<State> state_;
};

}  // namespace claviger::policy
