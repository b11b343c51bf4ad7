// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace claviger::cli {

// What a command takes. A thin face of the parser's, whose header stays in cli.cc.
// Threads: one. The variables outlive the parse.
class Flags {
 public:
  virtual ~Flags() = default;
  virtual void option(std::string_view name, std::string_view value_name, std::string& into,
                      std::string_view help) = 0;
  virtual void required(std::string_view name, std::string_view value_name, std::string& into,
                        std::string_view help) = 0;
  virtual void repeated(std::string_view name, std::string_view value_name, std::vector<std::string>& into,
                        std::string_view help) = 0;
  // The same, and several after one flag as well: -f a.yaml b.yaml.
  virtual void several(std::string_view name, std::string_view value_name, std::vector<std::string>& into,
                       std::string_view help) = 0;
  virtual void flag(std::string_view name, bool& into, std::string_view help) = 0;
  // In the order in which they are declared; one that is not given stays empty.
  virtual void positional(std::string_view name, std::string& into, std::string_view help) = 0;
};

// A sub-command. One file for each; catalog.cc lists them.
class Command {
 public:
  virtual ~Command() = default;
  virtual std::string_view path() const noexcept = 0;      // "key new"
  virtual std::string_view summary() const noexcept = 0;   // one line
  virtual std::string_view examples() const noexcept = 0;  // shown by --help
  virtual void declare(Flags& flags) = 0;
  // kInvalid of a usage kind (see usage_error) exits with 2, any other Error with 1.
  virtual Result<void> run() = 0;
};

std::vector<std::unique_ptr<Command>> make_commands();

// A command's arguments contradict each other, or one cannot be read: exit code 2, with a hint at --help.
Error usage_error(std::string_view what);
bool is_usage_error(const Error& error) noexcept;

// The answer is "no", and stands on standard output: exit code 1 without another word.
Error already_said();
bool is_already_said(const Error& error) noexcept;

}  // namespace claviger::cli
