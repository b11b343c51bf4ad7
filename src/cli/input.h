// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace claviger::cli {

// A file that the user named, or standard input for "-": whole, at most `max` bytes. Who else may write it is the user's
// affair here; what serves from files looks closer (server::read_text_file). kInvalid or kNotFound names the file.
Result<std::string> read_input(const std::string& path, std::size_t max);

// A secret from standard input, straight into the arena, 1 byte to 64 KiB. One line end at its end is taken off. From a
// terminal it is one line, asked for with `prompt` and not shown while it is typed.
Result<base::SecretBytes> read_secret_input(base::SecretArena& arena, const std::string& prompt);

}  // namespace claviger::cli
