// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/tls.h"

struct ssl_st;

namespace claviger::net {

// Name, verification and the session to resume, onto a connection about to shake hands.
void apply_client_settings(ssl_st* ssl, ClientTls& tls);

}  // namespace claviger::net
