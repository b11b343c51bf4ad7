// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"

namespace claviger::net::testing {

// A folder of files for one test, which goes with all that was written into it.
class Folder {
 public:
  Folder() { CLV_CHECK(::mkdtemp(path_.data()) != nullptr); }
  ~Folder() {
    for (const std::string& file : files_) ::unlink(file.c_str());
    ::rmdir(path_.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // Where it lies.
  std::string write(const std::string& name, const std::string& text) {
    files_.push_back(path_ + "/" + name);
    std::ofstream(files_.back()) << text;
    return files_.back();
  }

 private:
  std::string path_ = "/tmp/claviger-net-XXXXXX";
  std::vector<std::string> files_;
};

}  // namespace claviger::net::testing
