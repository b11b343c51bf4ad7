// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"

namespace claviger::cli {

// What one `apply` may carry (the management API's limits).
inline constexpr std::size_t kMaxApplied = 10'000;
inline constexpr std::size_t kMaxApplyBody = std::size_t{16} << 20;

// All resources of the files, in order; of a directory its *.yaml and *.yml in the order of names, hidden ones left
// out; "-" is standard input. What the gateway adds to a resource (status, revision, updated_at) is taken off, so that what
// `get -o yaml` printed comes back as it was written. kInvalid with file and line.
Result<std::vector<base::Document>> read_documents(const std::vector<std::string>& paths);

// Whatever is wrong with a resource by itself, as far as that can be told from here: references and the gateway's own
// files cannot. kInvalid with file and line.
Result<void> check_document(const base::Document& document);

// {"resources":[...]}. kInvalid when there are too many.
Result<std::string> apply_body(const std::vector<base::Document>& documents);

// The gateway's reason for refusing an apply, with the place in the files: of the third document for "#3: ...", of the
// only one when there is one. Requires: the reason is about the resources.
std::string locate_refusal(std::string_view detail, const std::vector<base::Document>& documents);

}  // namespace claviger::cli
