// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "credentials/body_coder.h"
#include "gateway/call.h"
#include "http/head_writer.h"
#include "vault/process_key.h"

namespace claviger::gateway {

// Writes the head that goes upstream: the caller's request with what `strip` left of it, the path that
// policy matched, byte for byte, and the credential, opened straight into `out`. `host`: of the endpoint it goes to. `coder`: where
// to put what the body goes through, where the credential has it in a form of its own.
// Secrets: `out` is arena memory that the caller wipes.
// kInternal when the credential does not open; kHeadTooLarge when it does not fit.
Result<void> write_outgoing_head(const Call& call, std::string_view host, vault::Opener& opener,
                                 http::HeadWriter& out,
                                 std::unique_ptr<credentials::BodyCoder>* coder = nullptr);

}  // namespace claviger::gateway
