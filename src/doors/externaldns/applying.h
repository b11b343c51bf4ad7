// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "doors/externaldns/change_set.h"
#include "doors/externaldns/provider.h"
#include "doors/externaldns/set_plan.h"
#include "doors/externaldns/unit_order.h"
#include "doors/externaldns/zone_map.h"

namespace claviger::doors::externaldns {

// One set of changes, from what was asked to what became of each.
//
// Threads: the loop's. What it is made with outlives it.
class Applying {
 public:
  Applying(const ProviderOptions& options, Technitium& server, ZoneMap& zones, net::Loop& loop,
           const NameFilter& filter, const ProviderHooks& hooks);

  // Either of them, once. Not to be destroyed before they end. Answers by the deadline of the options, counted from now.
  net::Task<Applied> run(Changes changes);
  // Deletes those of Applied::orphans that still are, within two seconds: changes wait for it.
  net::Task<Applied> finish(std::vector<Endpoint> orphans);

 private:
  // All that has to be known of a zone before it is touched.
  struct Zone {
    Node primary;
    RecordTable live;
    std::string why_not;  // empty: it may be changed
    bool is_whole = false;  // `live` has all of it
    bool is_wanted = false;  // something is to be in it
    bool is_to_be_made = false;  // it is not there, and in a dry run not made either
  };
  struct Job {
    Unit* unit;
    std::vector<SetPlan> plans;
  };

  net::Task<void> look();
  net::Task<void> look_at(const std::string& zone, Zone& at, std::vector<std::string> names);
  net::Task<void> find_primary(const std::string& zone, Zone& at);
  void leave_all(std::string_view why);
  void plan();
  SetPlan plan_of(const SetChange& change) const;
  void refuse_aliases(Job& job) const;
  void guard();
  std::string what_stays_beside(const SetChange& alias, const Job& job) const;
  bool is_orphan(const SetChange& change) const;
  const Zone* zone_of_owned(const SetChange& change) const;

  // applying_work.cc
  net::Task<void> work(Job& job);
  std::string why_not_yet(const Job& job, std::size_t which, const std::vector<Stop>& stops) const;
  net::Task<void> work_on(Job& job, std::size_t which, std::vector<Stop>& stops);
  net::Task<ChangeAnswer> carry_out(const SetChange& change, const Step& step, bool is_urgent,
                                    std::vector<std::string>& request_ids);
  void note_orphans(const Job& job, const std::vector<Stop>& stops);
  void tell(const SetChange& change, const SetPlan& plan, Outcome outcome, std::string_view upstream,
            const std::vector<std::string>& request_ids, std::string_view reason);
  Monotonic patience() const noexcept;
  bool has_time(unsigned calls) const;  // for so many, one after the other
  bool is_hopeless(const Node& node) const;
  static bool is_second_half(const Job& job, std::size_t which);
  static bool is_urgent(const Job& job, std::size_t which, const std::vector<Stop>& stops);

  const ProviderOptions& options_;
  Technitium& server_;
  ZoneMap& map_;
  net::Loop& loop_;
  const NameFilter& filter_;
  const ProviderHooks& hooks_;
  Monotonic until_;
  std::vector<Unit> units_;
  std::size_t room_;  // bytes that the tables of all zones may still take
  std::map<std::string, Zone, std::less<>> zones_;
  std::vector<Job> jobs_;
  std::map<std::string, std::size_t, std::less<>> in_vain_;  // calls in a row that failed, by node_text()
  bool is_finishing_ = false;
  Applied applied_;
};

}  // namespace claviger::doors::externaldns
