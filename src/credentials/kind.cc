// SPDX-License-Identifier: Apache-2.0
#include "credentials/kind.h"

namespace claviger::credentials {

Result<void> Credential::write_query(http::HeadWriter&, vault::Opener&) const { return ok(); }

Result<void> Credential::write_fields(http::HeadWriter&, vault::Opener&) const { return ok(); }

}  // namespace claviger::credentials
