// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "cli/table.h"
#include "policy/resources.h"

namespace claviger::cli {

// The columns of a kind, and a resource of it (as the gateway shows it) in them.
Table make_resource_table(policy::Kind kind);
void add_resource_row(Table& table, policy::Kind kind, const base::Document& resource, WallTime now);

// What the gateway says ought to be known of it: "<kind>/<name> <warning>".
std::vector<std::string> warnings_of(const base::Document& resource);

// A resource as a YAML document for `apply`: what the gateway adds (status, revision, updated_at) stands above it as a comment.
std::string resource_yaml(const base::Document& resource);

// The members that the gateway adds to a resource and ignores when it gets them back.
bool is_added_by_gateway(std::string_view member_name) noexcept;

}  // namespace claviger::cli
