// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};
constexpr Text kPost[] = {"POST"};

constexpr PresetAuth kAuth[] = {{"", R"({"kind":"header","name":"x-api-key"})", "an API key"}};
constexpr Text kInference[] = {"/v1/messages", "/v1/messages/count_tokens", "/v1/complete"};
constexpr Text kModels[] = {"/v1/models", "/v1/models/*"};
constexpr Text kBatches[] = {"/v1/messages/batches", "/v1/messages/batches/**"};
constexpr PresetRule kInferenceRules[] = {{kPost, kInference}, {kLook, kModels}};
constexpr PresetRule kReadRules[] = {{kLook, kModels}};
constexpr PresetRule kBatchesRules[] = {{{}, kBatches}};
constexpr PresetPaths kPaths[] = {
    {"inference", "messages and counting their tokens, and the list of models", kInferenceRules},
    {"read", "the list of models", kReadRules},
    {"batches", "batches of messages", kBatchesRules},
};
constexpr Text kDenied[] = {
    "/v1/organizations/**",  // API keys, invitations, members, workspaces
    "/v1/oauth/**",
    "/api/**",  // among it OAuth's making of API keys
};
constexpr Text kVariables[] = {"ANTHROPIC_API_KEY", "ANTHROPIC_KEY", "CLAUDE_API_KEY"};

}  // namespace

constinit const Preset kAnthropic = {
    .name = "anthropic",
    .what = "Anthropic's API",
    .mount = "/anthropic",
    .base_url = "https://api.anthropic.com",
    .api_path = "/v1",
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .variables = kVariables,
    .sdk = "ANTHROPIC_BASE_URL={gateway} and the caller's API key in ANTHROPIC_API_KEY"};

}  // namespace claviger::cli
