// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cli/command.h"

namespace claviger::cli {

// One for each sub-command, each in the file of its name.
std::unique_ptr<Command> make_init();
std::unique_ptr<Command> make_serve();
std::unique_ptr<Command> make_check_config();
std::unique_ptr<Command> make_key_new();
std::unique_ptr<Command> make_apply();
std::unique_ptr<Command> make_get();
std::unique_ptr<Command> make_delete();
std::unique_ptr<Command> make_upstream_add();
std::unique_ptr<Command> make_upstream_presets();
std::unique_ptr<Command> make_status();
std::unique_ptr<Command> make_explain();
std::unique_ptr<Command> make_credential_set();
std::unique_ptr<Command> make_credential_enable();
std::unique_ptr<Command> make_credential_disable();
std::unique_ptr<Command> make_credential_revoke();
std::unique_ptr<Command> make_credential_rotate_all();
std::unique_ptr<Command> make_credential_import();
std::unique_ptr<Command> make_key_create();
std::unique_ptr<Command> make_key_list();
std::unique_ptr<Command> make_key_revoke();
std::unique_ptr<Command> make_principal_enable();
std::unique_ptr<Command> make_principal_disable();
std::unique_ptr<Command> make_audit_tail();
std::unique_ptr<Command> make_audit_search();
std::unique_ptr<Command> make_audit_index();
std::unique_ptr<Command> make_audit_checkpoint();
std::unique_ptr<Command> make_audit_pseudonym();
std::unique_ptr<Command> make_audit_rotate_key();
std::unique_ptr<Command> make_rekey();
std::unique_ptr<Command> make_backup();
std::unique_ptr<Command> make_restore();
std::unique_ptr<Command> make_audit_verify();
std::unique_ptr<Command> make_audit_prove();
std::unique_ptr<Command> make_audit_check_proof();
std::unique_ptr<Command> make_audit_export();
std::unique_ptr<Command> make_version();

}  // namespace claviger::cli
