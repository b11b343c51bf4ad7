// SPDX-License-Identifier: Apache-2.0
#pragma once

// Internal to net.

struct x509_store_st;

namespace claviger::net {

// Verifies the signatures of all CRLs in `store` by the CAs in it, now, so that no handshake has to hash megabytes again. Whatever
// else is asked of a CRL (its dates, above all) is asked each time, and of one that is not as good as it is plain, all of it.
// To be called before `store` is used, and after all is in it.
void verify_crls_once(x509_store_st* store) noexcept;

}  // namespace claviger::net
