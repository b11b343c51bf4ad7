// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};
constexpr PresetRule kReadAllRules[] = {{kLook, {}}};

constexpr PresetSetting kSettings[] = {
    {"header", "the field that takes the secret, where that is not Authorization: Bearer", ""},
    {"username", "the user of Authorization: Basic; the secret is the password", ""},
    {"query", "the query parameter that takes the secret, where an API knows nothing better", ""},
};
constexpr PresetAuth kAuth[] = {
    {"header", R"({"kind":"header","name":"{header}"})", "what the field takes"},
    {"username", R"({"kind":"basic","username":"{username}"})", "the password"},
    {"query", R"({"kind":"query","name":"{query}"})", "what the parameter takes"},
    {"", R"({"kind":"bearer"})", "a token"},
};
constexpr PresetPaths kPaths[] = {{"read", "GET and HEAD of everything", kReadAllRules}};

}  // namespace

constinit const Preset kGeneric = {
    .name = "generic",
    .what = "any other HTTP API",
    .mount = "/generic",
    .settings = kSettings,
    .auths = kAuth,
    .paths = kPaths,
    .sdk =
        "base URL {gateway} and the caller's API key in place of the secret. Nothing is denied: look "
        "whether the API makes credentials, "
        "and put those paths into deny_paths"};

}  // namespace claviger::cli
