// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/document.h"
#include "base/result.h"
#include "sources/options.h"

namespace claviger::server {

// `sources`: where secrets lie that are not in the vault, read strictly (docs/configuration.md). Addresses are https; plain
// text is for addresses of loopback, written as such. kInvalid, "<file>:<line>: <what>".
Result<sources::Options> read_sources(const base::Document& node);

}  // namespace claviger::server
