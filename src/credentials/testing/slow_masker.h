// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace claviger::credentials::testing {

// A text that an echo of a secret may be: what EchoForm says, worked out another way.
struct SlowForm {
  std::string text;
  std::string
      may_follow;  // characters of which one is part of it when it stands behind the text; may be empty
};
// All of them, each once.
std::vector<SlowForm> slow_forms(std::string_view secret);

// What EchoMasker makes of a whole text, the slow and simple way: at each place every form of every piece of a secret is tried.
class SlowMasker {
 public:
  explicit SlowMasker(const std::vector<std::string>& secrets);
  std::string mask(std::string text) const;

 private:
  std::vector<SlowForm> forms_;
};

}  // namespace claviger::credentials::testing
