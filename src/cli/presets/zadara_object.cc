// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};
constexpr PresetRule kReadAllRules[] = {{kLook, {}}};
constexpr PresetPaths kPaths[] = {{"read", "GET and HEAD of everything", kReadAllRules}};

constexpr PresetSetting kSettings[] = {{"region", "what requests are signed for", "us-east-1"}};
constexpr PresetAuth kAuth[] = {{"", R"({"kind":"aws_sigv4","service":"s3","region":"{region}"})",
                                 "the S3 access key and its secret, as <access key>:<secret>"}};
constexpr Text kDenied[] = {
    "/auth/**",  // tokens of the other API on the same host
    "/v2.0/tokens/**", "/v3/auth/**", "/v3/users/**", "/v3/credentials/**", "/api/users*/**", "/api/zios/**",
};
constexpr Text kParts[] = {"ZADARA_S3_ACCESS_KEY", "ZADARA_S3_SECRET_KEY"};

}  // namespace

constinit const Preset kZadaraObject = {
    .name = "zadara-object",
    .what = "Zadara object storage, by the S3 API",
    .mount = "/zadara-object",
    .settings = kSettings,
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .parts = kParts,
    .sdk = "endpoint {gateway}, path style, the caller's API key as the access key, anything as its secret"};

}  // namespace claviger::cli
