// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};
constexpr Text kPost[] = {"POST"};

constexpr PresetAuth kAuth[] = {{"", R"({"kind":"header","name":"x-goog-api-key"})", "an API key"}};
constexpr Text kInference[] = {"/v1*/models/*:generateContent",    "/v1*/models/*:streamGenerateContent",
                               "/v1*/models/*:countTokens",        "/v1*/models/*:embedContent",
                               "/v1*/models/*:batchEmbedContents", "/v1*/models/*:predict"};
constexpr Text kModels[] = {"/v1*/models", "/v1*/models/*"};
constexpr Text kFiles[] = {"/v1*/files", "/v1*/files/*", "/upload/v1*/files", "/v1*/cachedContents",
                           "/v1*/cachedContents/*"};
constexpr PresetRule kInferenceRules[] = {{kPost, kInference}, {kLook, kModels}};
constexpr PresetRule kReadRules[] = {{kLook, kModels}};
constexpr PresetRule kFilesRules[] = {{{}, kFiles}};
constexpr PresetPaths kPaths[] = {
    {"inference", "generating, counting and embedding, and the list of models", kInferenceRules},
    {"read", "the list of models", kReadRules},
    {"files", "files and cached contents", kFilesRules},
};
constexpr Text kDenied[] = {
    "/*/auth_tokens*/**",  // ephemeral tokens
    "/*/tunedModels/*/permissions/**",  // lets others in
    "/*/corpora/*/permissions/**",
};
constexpr Text kVariables[] = {"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"};

}  // namespace

constinit const Preset kGemini = {
    .name = "gemini",
    .what = "Google's Gemini API",
    .mount = "/gemini",
    .base_url = "https://generativelanguage.googleapis.com",
    .api_path = "/v1beta",
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .variables = kVariables,
    .sdk = "GOOGLE_GEMINI_BASE_URL={gateway} and the caller's API key in GEMINI_API_KEY"};

}  // namespace claviger::cli
