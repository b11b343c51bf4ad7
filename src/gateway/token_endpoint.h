// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "gateway/destination.h"
#include "gateway/token_desk.h"
#include "gateway/world.h"

namespace claviger::gateway {

// The CA file of the endpoint where this credential's tokens are fetched: none for those that need no token, or where it is the
// upstream's own. kInvalid, naming the file: it is no good.
Result<CaFile> read_token_ca(const policy::CredentialResource& credential,
                             const policy::UpstreamResource& upstream);

// That it is there, and can be trusted by.
Result<void> check_token_ca(const policy::CredentialResource& credential,
                            const policy::UpstreamResource& upstream, TrustCache& trusts);

// Where the tokens of a credential are fetched, and how whoever answers proves itself. `ca` as read_token_ca() gave it, so that what is
// trusted is what was digested.
// Requires: the credential has a fetcher; the upstream has its endpoints.
Result<std::shared_ptr<const TokenSource>> make_token_source(const policy::CredentialResource& resource,
                                                             const credentials::Credential& credential,
                                                             const UpstreamRuntime& upstream,
                                                             std::string destination, const CaFile& ca,
                                                             const WorldSettings& settings,
                                                             TrustCache& trusts);

}  // namespace claviger::gateway
