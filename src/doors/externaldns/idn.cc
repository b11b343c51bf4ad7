// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/idn.h"

#include <idn2.h>

#include <memory>

namespace claviger::doors::externaldns {
namespace {

struct Free {
  void operator()(char* text) const noexcept { idn2_free(text); }
};
using Text = std::unique_ptr<char, Free>;

}  // namespace

std::optional<std::string> label_to_ascii(std::string_view label) {
  if (label.contains('\0')) return std::nullopt;  // it would end there
  char* made = nullptr;
  const int code = idn2_to_ascii_8z(std::string(label).c_str(), &made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const Text text(made);
  if (code != IDN2_OK || text == nullptr) return std::nullopt;
  return std::string(text.get());
}

std::string name_to_unicode(std::string_view name) {
  if (!name.contains("xn--")) return std::string(name);
  char* made = nullptr;
  const int code = idn2_to_unicode_8z8z(std::string(name).c_str(), &made, 0);
  const Text text(made);
  return std::string(code == IDN2_OK && text != nullptr ? text.get() : name);
}

}  // namespace claviger::doors::externaldns
