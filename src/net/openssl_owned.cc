// SPDX-License-Identifier: Apache-2.0
#include "net/openssl_owned.h"

#include <algorithm>
#include <climits>

#include "base/check.h"

namespace claviger::net {

OwnedInfos parse_pem(std::string_view text) {
  const OwnedBio bio(
      BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX))));
  CLV_CHECK(bio != nullptr);
  return OwnedInfos(PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr));
}

}  // namespace claviger::net
