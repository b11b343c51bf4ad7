// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace claviger::base {

// Is told what stands in a JSON text, in order. What a call fails with ends the reading, and is what the reader fails with.
// Views hold for the call.
class JsonSink {
 public:
  virtual Result<void> begin_object() = 0;
  virtual Result<void> end_object() = 0;
  virtual Result<void> begin_array() = 0;
  virtual Result<void> end_array() = 0;
  virtual Result<void> key(std::string_view name) = 0;
  virtual Result<void> string(std::string_view text) = 0;
  virtual Result<void> number(std::string_view text) = 0;  // as written
  virtual Result<void> boolean(bool value) = 0;
  virtual Result<void> null() = 0;

 protected:
  ~JsonSink() = default;
};

struct JsonReaderLimits {
  std::size_t depth = 16;
  std::size_t text = std::size_t{64} << 10;  // bytes of one string, name or number
  std::size_t total = std::size_t{64} << 20;
};

// Reads JSON (RFC 8259, strictly UTF-8) that comes in pieces, cut anywhere, and need not be held: for what is too large for
// parse_json(). A name that is there twice is told of twice.
//
// Owns: what of a string is left over from the piece before. `sink` outlives it.
// Threads: one.
class JsonReader {
 public:
  explicit JsonReader(JsonSink& sink, JsonReaderLimits limits = {});
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // kInvalid (blame operator) where it is no JSON or over a limit, without a piece of the text in it; what the sink failed with.
  // Requires: no call after one that failed.
  Result<void> write(std::string_view piece);
  // The end: kInvalid where the value is not whole.
  Result<void> finish();

 private:
  class Handler;
  struct Parser;
  Result<void> feed(std::string_view piece, bool is_last);

  JsonReaderLimits limits_;
  std::size_t total_ = 0;
  std::unique_ptr<Parser> parser_;
};

// All of a text at once.
Result<void> read_json(std::string_view text, JsonSink& sink, JsonReaderLimits limits = {});

}  // namespace claviger::base
