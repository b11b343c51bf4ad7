// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/document.h"
#include "base/result.h"
#include "sinks/options.h"

namespace claviger::server {

// `audit.sinks`: a list of maps, read strictly (docs/configuration.md). Names are given once, and so is each file and standard output.
// What is sent over a network is sent over TLS; plain text is for addresses of loopback, written as such.
// kInvalid, "<file>:<line>: <what>".
Result<sinks::SinkList> read_sinks(const base::Document& node);

}  // namespace claviger::server
