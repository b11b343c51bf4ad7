// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};
constexpr Text kPost[] = {"POST"};

constexpr PresetAuth kAuth[] = {{"", R"({"kind":"bearer"})", "an API key"}};

constexpr Text kInference[] = {
    "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/responses/input_tokens",
    "/v1/embeddings",       "/v1/moderations", "/v1/images/*",  "/v1/audio/*"};
constexpr Text kModels[] = {"/v1/models", "/v1/models/*"};
constexpr Text kFiles[] = {"/v1/files",   "/v1/files/**",   "/v1/uploads",       "/v1/uploads/**",
                           "/v1/batches", "/v1/batches/**", "/v1/vector_stores", "/v1/vector_stores/**"};
constexpr PresetRule kInferenceRules[] = {{kPost, kInference}, {kLook, kModels}};
constexpr PresetRule kReadRules[] = {{kLook, kModels}};
constexpr PresetRule kFilesRules[] = {{{}, kFiles}};
constexpr PresetPaths kPaths[] = {
    {"inference", "chat, responses, embeddings, images and audio, and the list of models", kInferenceRules},
    {"read", "the list of models", kReadRules},
    {"files", "files, uploads, batches and vector stores", kFilesRules},
};
constexpr Text kDenied[] = {
    "/v1/organization/**",  // admin keys, projects' keys and service accounts, invitations
    "/v1/projects/**",  // who may do what
    "/v1/realtime/client_secrets/**",  // keys for browsers
    "/v1/realtime/sessions/**",  // the same, before
    "/v1/realtime/transcription_sessions/**",
    "/v1/chatkit/sessions/**",  // answers with a client secret
    "/dashboard/**",
};
constexpr Text kVariables[] = {"OPENAI_API_KEY", "OPENAI_KEY", "OPENAI_API_TOKEN"};

}  // namespace

constinit const Preset kOpenAi = {
    .name = "openai",
    .what = "OpenAI's API",
    .mount = "/openai",
    .base_url = "https://api.openai.com",
    .api_path = "/v1",
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .variables = kVariables,
    .sdk = "OPENAI_BASE_URL={gateway}/v1 and the caller's API key in OPENAI_API_KEY"};

}  // namespace claviger::cli
