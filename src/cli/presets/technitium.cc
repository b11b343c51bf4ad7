// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kGetPost[] = {"GET", "POST"};
constexpr Text kPost[] = {"POST"};

constexpr PresetSetting kSettings[] = {
    {"user", "the user to log in as; the secret is the password then. Without it, it is an API token", ""},
    {"session", "for how long a session is good, as the server is set", "25m"},
};
constexpr PresetAuth kAuth[] = {
    // An error comes with status 200. Sessions last 30 minutes by default, from when they were used last.
    {"user",
     R"({"kind":"session_login","username":"{user}",
         "login":{"path":"/api/user/login","form":{"user":"$user","pass":"$password"}},
         "token":{"json":"token"},"lifetime":"{session}","send":{"kind":"bearer"},
         "lost":{"statuses":[401],"json":"status","is":["invalid-token"]}})",
     "the user's password"},
    {"", R"({"kind":"bearer"})", "an API token, which does not expire"},
};
constexpr Text kRecords[] = {"/api/zones/list", "/api/zones/options/get", "/api/zones/records/*",
                             "/api/zones/import"};
// What the ExternalDNS door asks, each said by its name: none that a later version of the server puts beside them.
constexpr Text kExternalDns[] = {"/api/zones/list", "/api/zones/records/get", "/api/zones/records/add",
                                 "/api/zones/records/update", "/api/zones/records/delete"};
constexpr Text kRead[] = {"/api/zones/list", "/api/zones/options/get", "/api/zones/records/get",
                          "/api/dashboard/stats/*"};
constexpr PresetRule kRecordsRules[] = {{kGetPost, kRecords}};
constexpr Text kZones[] = {"/api/zones/list", "/api/zones/options/get", "/api/zones/records/*",
                           "/api/zones/import", "/api/zones/create"};
constexpr PresetRule kZonesRules[] = {{kGetPost, kZones}};
constexpr PresetRule kReadRules[] = {{kGetPost, kRead}};
constexpr PresetRule kExternalDnsRules[] = {{kPost, kExternalDns}};
constexpr PresetPaths kPaths[] = {
    {"records", "records of the zones that there are, imports included", kRecordsRules},
    {"zones", "the same, and zones that are to be made", kZonesRules},
    {"externaldns", "what the ExternalDNS door asks; add /api/zones/create where it makes zones",
     kExternalDnsRules},
    {"read", "zones, records and figures, to look at", kReadRules},
};
constexpr Text kDenied[] = {
    "/api/user/**",  // log-in, createToken, the session's own token, passwords
    "/api/admin/**",  // users, groups, sessions and their tokens, the cluster
    "/api/settings/**",  // backups with all of it, restoring, shared keys of zone transfers
    "/api/apps/**",  // runs code in the server
    "/api/zones/permissions/**",
    "/api/zones/options/set",  // who may transfer or update a zone
    "/api/zones/dnssec/**",  // private keys
    "/api/logs/**",
};
constexpr Text kVariables[] = {"TECHNITIUM_API_TOKEN", "TECHNITIUM_TOKEN", "TECHNITIUM_API_KEY"};

}  // namespace

constinit const Preset kTechnitium = {.name = "technitium",
                                      .what = "Technitium DNS Server's HTTP API",
                                      .mount = "/technitium",
                                      .api_path = "/api",
                                      .settings = kSettings,
                                      .auths = kAuth,
                                      .paths = kPaths,
                                      .denied = kDenied,
                                      .variables = kVariables,
                                      .sdk = "URL {gateway} and the caller's API key as a bearer token"};

}  // namespace claviger::cli
