// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};

constexpr PresetAuth kAuth[] = {
    {"", R"({"kind":"header","name":"PRIVATE-TOKEN"})", "a personal, group or project access token"}};
constexpr Text kRead[] = {"/api/v4/projects", "/api/v4/projects/**", "/api/v4/groups",  "/api/v4/groups/**",
                          "/api/v4/users",    "/api/v4/user",        "/api/v4/version", "/api/v4/search"};
constexpr Text kIssues[] = {"/api/v4/projects/*/issues",         "/api/v4/projects/*/issues/**",
                            "/api/v4/projects/*/merge_requests", "/api/v4/projects/*/merge_requests/**",
                            "/api/v4/projects/*/labels",         "/api/v4/projects/*/labels/*"};
constexpr Text kPipelines[] = {"/api/v4/projects/*/pipelines", "/api/v4/projects/*/pipelines/**",
                               "/api/v4/projects/*/pipeline", "/api/v4/projects/*/jobs",
                               "/api/v4/projects/*/jobs/**"};
constexpr PresetRule kReadRules[] = {{kLook, kRead}};
constexpr PresetRule kIssuesRules[] = {{{}, kIssues}};
constexpr PresetRule kPipelinesRules[] = {{{}, kPipelines}};
constexpr PresetPaths kPaths[] = {
    {"read", "projects, groups and users, to look at", kReadRules},
    {"issues", "issues, merge requests and labels", kIssuesRules},
    {"pipelines", "pipelines and jobs", kPipelinesRules},
};
// Names end in a star since the API takes a format behind them, such as ".json".
constexpr Text kDenied[] = {
    "/api/v4/personal_access_tokens*/**",
    "/api/v4/user/personal_access_tokens*/**",
    "/api/v4/users/*/personal_access_tokens*/**",
    "/api/v4/users/*/impersonation_tokens*/**",
    "/api/v4/projects/*/access_tokens*/**",
    "/api/v4/groups/*/access_tokens*/**",
    "/api/v4/groups/*/service_accounts*/**",
    "/api/v4/service_accounts*/**",
    "/api/v4/deploy_tokens*/**",
    "/api/v4/projects/*/deploy_tokens*/**",
    "/api/v4/groups/*/deploy_tokens*/**",
    "/api/v4/deploy_keys*/**",
    "/api/v4/projects/*/deploy_keys*/**",
    "/api/v4/user/keys*/**",  // a key that is put in is a way in
    "/api/v4/users/*/keys*/**",
    "/api/v4/user/gpg_keys*/**",
    "/api/v4/users/*/gpg_keys*/**",
    "/api/v4/groups/*/ssh_certificates*/**",
    "/api/v4/user/runners*",
    "/api/v4/**/reset_registration_token*",
    "/api/v4/**/reset_authentication_token*",
    "/api/v4/projects/*/triggers*/**",  // tokens that start pipelines
    "/api/v4/projects/*/cluster_agents/*/tokens*/**",
    "/api/v4/applications*/**",  // of OAuth: answers with the secret
    "/api/v4/projects/*/variables*/**",  // shows what pipelines know
    "/api/v4/groups/*/variables*/**",
    "/api/v4/admin/**",
    "/api/v4/features*/**",
    "/api/v4/session*",
    "/api/graphql*",  // can do all of it, and says so in its body alone
    "/oauth/**",
    "/-/**",
};
constexpr Text kVariables[] = {"GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN", "GITLAB_API_TOKEN", "GL_TOKEN"};

}  // namespace

constinit const Preset kGitLab = {
    .name = "gitlab",
    .what = "GitLab's REST API",
    .mount = "/gitlab",
    .base_url = "https://gitlab.com",
    .api_path = "/api/v4",
    .settings_of_upstream = R"({"encoded_slash":"opaque"})",
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .variables = kVariables,
    .sdk =
        "URL {gateway} and the caller's API key as a bearer token: python-gitlab's Gitlab(url, "
        "oauth_token=KEY)"};

}  // namespace claviger::cli
