// SPDX-License-Identifier: Apache-2.0
#include "cli/catalog.h"

#include "cli/command.h"

namespace claviger::cli {

std::vector<std::unique_ptr<Command>> make_commands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(make_init());
  commands.push_back(make_serve());
  commands.push_back(make_check_config());
  commands.push_back(make_apply());
  commands.push_back(make_get());
  commands.push_back(make_delete());
  commands.push_back(make_upstream_add());
  commands.push_back(make_upstream_presets());
  commands.push_back(make_credential_set());
  commands.push_back(make_credential_enable());
  commands.push_back(make_credential_disable());
  commands.push_back(make_credential_revoke());
  commands.push_back(make_credential_rotate_all());
  commands.push_back(make_credential_import());
  commands.push_back(make_principal_enable());
  commands.push_back(make_principal_disable());
  commands.push_back(make_key_create());
  commands.push_back(make_key_list());
  commands.push_back(make_key_revoke());
  commands.push_back(make_key_new());
  commands.push_back(make_explain());
  commands.push_back(make_status());
  commands.push_back(make_audit_tail());
  commands.push_back(make_audit_search());
  commands.push_back(make_audit_index());
  commands.push_back(make_audit_checkpoint());
  commands.push_back(make_audit_pseudonym());
  commands.push_back(make_audit_rotate_key());
  commands.push_back(make_rekey());
  commands.push_back(make_backup());
  commands.push_back(make_restore());
  commands.push_back(make_audit_verify());
  commands.push_back(make_audit_prove());
  commands.push_back(make_audit_check_proof());
  commands.push_back(make_audit_export());
  commands.push_back(make_version());
  return commands;
}

// Errors carry no flag for it; their text is what makes the difference, and this is the one place that knows.
namespace {
constexpr std::string_view kUsage = "usage: ";
}

Error usage_error(std::string_view what) {
  return Error::formatted(Code::kInvalid, Blame::kOperator, std::string(kUsage) + std::string(what));
}
bool is_usage_error(const Error& error) noexcept { return error.what().starts_with(kUsage); }

Error already_said() { return {Code::kDenied, Blame::kOperator, ""}; }
bool is_already_said(const Error& error) noexcept { return error.what().empty(); }

}  // namespace claviger::cli
