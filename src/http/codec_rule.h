// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"
#include "telemetry/metrics.h"

namespace claviger::http {

// Which kind of rule a message broke, by what the codec said of it; kOther for what it never says. For counting: it
// looks through all that the codec can say, so it has no place on the way of good messages.
telemetry::CodecRule codec_rule(const Error& error) noexcept;

}  // namespace claviger::http
