// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};

// These make credentials in a request's body or query, which no pattern of paths can see.
constexpr Text kRefused[] = {"sts",
                             "iam",
                             "sso",
                             "sso-oauth",
                             "sso-admin",
                             "signin",
                             "cognito-identity",
                             "cognito-idp",
                             "ecr",
                             "ecr-public",
                             "codeartifact",
                             "rolesanywhere",
                             "redshift",
                             "redshift-serverless",
                             "apigateway",
                             "appsync",
                             "iot",
                             "lightsail"};
constexpr PresetSetting kSettings[] = {
    {"service", "the service by the name that requests are signed with: s3, bedrock, dynamodb, ...", "",
     kRefused,
     "this service makes credentials, in a request's body where no rule for paths can see it; to grant it "
     "all the same, write the "
     "upstream yourself"},
    {"region", "where", "us-east-1"},
    {"endpoint", "what the host's name begins with, where that is not the service: bedrock-runtime, ...",
     "{service}"},
};
constexpr PresetAuth kAuth[] = {
    {"", R"({"kind":"aws_sigv4","service":"{service}","region":"{region}"})",
     "the access key's id and its secret, as <id>:<secret>, or as the JSON of `aws sts`"}};
constexpr PresetRule kReadAllRules[] = {{kLook, {}}};
constexpr PresetPaths kPaths[] = {{"read", "GET and HEAD of everything", kReadAllRules}};
constexpr Text kParts[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

}  // namespace

constinit const Preset kAws = {
    .name = "aws",
    .what = "one service of AWS in one region",
    .mount = "/aws",
    .base_url = "https://{endpoint}.{region}.amazonaws.com",
    .settings = kSettings,
    .auths = kAuth,
    .paths = kPaths,
    .parts = kParts,
    .sdk =
        "AWS_ENDPOINT_URL={gateway}, the caller's API key in AWS_ACCESS_KEY_ID, anything in "
        "AWS_SECRET_ACCESS_KEY; S3 with paths, not host names, for buckets"};

}  // namespace claviger::cli
