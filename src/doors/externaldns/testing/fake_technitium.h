// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "doors/externaldns/api_caller.h"
#include "net/loop.h"

namespace claviger::doors::externaldns::testing {

// A cluster of Technitium servers in memory: A, AAAA, CNAME, MX and TXT records, its real error texts, roles by zone. Records
// are the same on all nodes.
class FakeTechnitium final : public ApiCaller {
 public:
  struct Record {
    std::string name, type;
    unsigned ttl = 300;
    std::string value;
    std::string comments = "";
    bool is_disabled = false;
    bool operator==(const Record&) const = default;
  };
  struct Node {
    std::map<std::string, std::string> zones;  // "example.com": "Primary"
    bool is_down = false;
    std::string name = "";  // in the cluster, for `node=`
  };

  // One node, `a`, primary for example.com.
  explicit FakeTechnitium(net::Loop& loop);

  net::Task<Result<ApiAnswer>> send(ApiRequest request) override;

  // "www A 192.0.2.1 192.0.2.2" of all records of a zone, sorted, names without the zone.
  std::vector<std::string> records(const std::string& zone = "example.com") const;
  // Those of `calls` that change something.
  std::vector<std::string> writes() const;

  std::map<std::string, Node> nodes;  // by upstream
  std::map<std::string, std::vector<Record>> zones;  // by name
  std::vector<std::string> calls;  // "a add www.example.com A 192.0.2.1"
  std::size_t most_at_once = 0;
  std::chrono::milliseconds delay{0};
  // Asked before each call is done: what is answered in its place.
  std::function<std::optional<Result<ApiAnswer>>(std::string_view call)> instead;
  // The same, once it is done.
  std::function<std::optional<Result<ApiAnswer>>(std::string_view call)> afterwards;

 private:
  using Form = std::map<std::string, std::string>;
  const Node* node_of(const ApiRequest& request, const Form& form) const;
  std::string answer(const Node& node, std::string_view path, Form& form);
  std::string list_zones(const Node& node) const;
  std::string get(const Node& node, const Form& form) const;
  std::string add(std::vector<Record>& records, const Form& form);
  std::string update(std::vector<Record>& records, const Form& form);
  std::string remove(std::vector<Record>& records, const Form& form);

  net::Loop& loop_;
  std::size_t at_once_ = 0;
};

}  // namespace claviger::doors::externaldns::testing
