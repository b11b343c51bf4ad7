// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};

constexpr PresetSetting kSettings[] = {
    {"user", "the user to log in as; the secret is the password then. Without it, it is an access key", ""},
};
constexpr PresetAuth kAuth[] = {
    // An error comes with status 200; 5 says that the key is not known.
    {"user",
     R"({"kind":"session_login","username":"{user}",
         "login":{"path":"/api/users/login.json","json":{"user":"$user","password":"$password"}},
         "token":{"json":"response.user.access_key"},"lifetime":"12h",
         "send":{"kind":"header","name":"X-Access-Key"},
         "lost":{"statuses":[401],"json":"response.status","is":["5"]}})",
     "the user's password"},
    {"", R"({"kind":"header","name":"X-Access-Key"})", "a user's access key"},
};
constexpr Text kRead[] = {"/api/volumes*",
                          "/api/volumes/**",
                          "/api/pools*",
                          "/api/pools/**",
                          "/api/servers*",
                          "/api/servers/**",
                          "/api/drives*",
                          "/api/drives/**",
                          "/api/raid_groups*",
                          "/api/raid_groups/**",
                          "/api/consistency_groups/**",
                          "/api/snapshots/**",
                          "/api/snapshot_policies*",
                          "/api/messages*",
                          "/api/vcontrollers/*/performance.json"};
constexpr Text kProvision[] = {"/api/volumes*", "/api/volumes/**", "/api/consistency_groups/*/snapshots*",
                               "/api/consistency_groups/*/clone*", "/api/servers/*/volumes*"};
constexpr PresetRule kReadRules[] = {{kLook, kRead}};
constexpr PresetRule kProvisionRules[] = {{{}, kProvision}};
constexpr PresetPaths kPaths[] = {
    {"read", "volumes, snapshots, pools, servers, drives and their figures, to look at", kReadRules},
    {"provision", "making, changing and deleting volumes and snapshots, and attaching them", kProvisionRules},
};
// Names end in a star since the API takes a format behind them: ".json", ".xml".
constexpr Text kDenied[] = {
    "/api/users*/**",  // log-in, access keys, passwords, further users
    "/api/roles*/**",
    "/api/nas/**",  // its users, and directories that vouch for them
    "/api/active_directory*/**",
    "/api/ldap*/**",
    "/api/remote_vpsas*/**",  // takes and shows what lets one into others
    "/api/encryption*/**",
    "/api/settings*/**",
};
constexpr Text kVariables[] = {"ZADARA_ACCESS_KEY", "ZADARA_VPSA_ACCESS_KEY", "VPSA_ACCESS_KEY",
                               "ZADARA_VPSA_TOKEN"};

}  // namespace

constinit const Preset kZadaraVpsa = {
    .name = "zadara-vpsa",
    .what = "the REST API of a Zadara VPSA",
    .mount = "/zadara-vpsa",
    .api_path = "/api",
    .settings = kSettings,
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .variables = kVariables,
    .sdk = "host {gateway} and the caller's API key in X-API-Key; X-Access-Key is the gateway's affair"};

}  // namespace claviger::cli
