// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};

constexpr PresetAuth kAuth[] = {
    {"", R"({"kind":"bearer"})", "a personal access token (fine-grained where it can be)"}};
constexpr Text kRead[] = {"/repos/**", "/users/**",   "/orgs/**",    "/search/**",
                          "/user",     "/user/repos", "/rate_limit", "/meta"};
constexpr Text kIssues[] = {"/repos/*/*/issues",     "/repos/*/*/issues/**",   "/repos/*/*/pulls",
                            "/repos/*/*/pulls/**",   "/repos/*/*/labels",      "/repos/*/*/labels/*",
                            "/repos/*/*/milestones", "/repos/*/*/milestones/*"};
constexpr Text kContents[] = {"/repos/*/*/contents/**", "/repos/*/*/git/**",      "/repos/*/*/commits/**",
                              "/repos/*/*/branches/**", "/repos/*/*/releases/**", "/repos/*/*/releases"};
constexpr Text kActions[] = {"/repos/*/*/actions/runs/**", "/repos/*/*/actions/runs",
                             "/repos/*/*/actions/workflows/**", "/repos/*/*/dispatches"};
constexpr PresetRule kReadRules[] = {{kLook, kRead}};
constexpr PresetRule kIssuesRules[] = {{{}, kIssues}};
constexpr PresetRule kContentsRules[] = {{{}, kContents}};
constexpr PresetRule kActionsRules[] = {{{}, kActions}};
constexpr PresetPaths kPaths[] = {
    {"read", "repositories, users, organizations and searches, to look at", kReadRules},
    {"issues", "issues, pull requests, labels and milestones", kIssuesRules},
    {"contents", "files, commits, branches and releases", kContentsRules},
    {"actions", "runs of workflows, and starting them", kActionsRules},
};
constexpr Text kDenied[] = {
    "/applications/**",  // tokens of OAuth apps
    "/authorizations/**",  // the old making of personal tokens
    "/app/**",  // of GitHub apps: installation tokens, secrets of webhooks
    "/app-manifests/**",  // answers with an app's private key
    "/installation/token",
    "/login/**",  // OAuth's own endpoints
    "/user/keys/**",  // a key that is put in is a way in
    "/user/gpg_keys/**",
    "/user/ssh_signing_keys/**",
    "/user/codespaces/secrets/**",
    "/repos/*/*/keys/**",  // deploy keys
    "/**/actions/runners/registration-token",
    "/**/actions/runners/remove-token",
    "/**/actions/runners/generate-jitconfig",
    "/orgs/*/personal-access-token-requests/**",
    "/orgs/*/personal-access-tokens/**",
    "/orgs/*/credential-authorizations/**",
    "/orgs/*/invitations/**",
    "/repos/*/*/collaborators/*",  // lets others in
    "/scim/**",
};
constexpr Text kVariables[] = {"GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_TOKEN", "GITHUB_PAT", "GH_PAT"};

}  // namespace

constinit const Preset kGitHub = {
    .name = "github",
    .what = "GitHub's REST API",
    .mount = "/github",
    .base_url = "https://api.github.com",
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .variables = kVariables,
    .sdk =
        "base URL {gateway} and the caller's API key as the token: Octokit's baseUrl, PyGithub's "
        "base_url. An Enterprise server: --base-url "
        "https://HOST/api/v3"};

}  // namespace claviger::cli
