// SPDX-License-Identifier: Apache-2.0
#include "cli/presets/catalog.h"

namespace claviger::cli {
namespace {

using Text = std::string_view;

constexpr Text kLook[] = {"GET", "HEAD"};

constexpr PresetAuth kAuth[] = {
    {"", R"({"kind":"bearer"})", "a restricted API key (rk_...), or a secret one (sk_...)"}};
constexpr Text kRead[] = {"/v1/**"};
constexpr Text kPayments[] = {"/v1/payment_intents",   "/v1/payment_intents/**",  "/v1/setup_intents",
                              "/v1/setup_intents/**",  "/v1/customers",           "/v1/customers/**",
                              "/v1/refunds",           "/v1/refunds/**",          "/v1/invoices",
                              "/v1/invoices/**",       "/v1/subscriptions",       "/v1/subscriptions/**",
                              "/v1/checkout/sessions", "/v1/checkout/sessions/**"};
constexpr PresetRule kReadRules[] = {{kLook, kRead}};
constexpr PresetRule kPaymentsRules[] = {{{}, kPayments}};
constexpr PresetPaths kPaths[] = {
    {"read", "everything, to look at", kReadRules},
    {"payments", "payments, customers, invoices, subscriptions and refunds", kPaymentsRules},
};
constexpr Text kDenied[] = {
    "/v1/ephemeral_keys/**",
    "/v1/terminal/connection_tokens/**",
    "/v1/account_sessions/**",
    "/v1/customer_sessions/**",
    "/v1/account_links/**",
    "/v1/accounts/*/login_links/**",
    "/v1/apps/secrets/**",  // shows what apps have put there
    "/v1/webhook_endpoints/**",  // answers with the secret that signs
    "/v2/core/event_destinations/**",  // the same
    "/v2/core/account_links/**",
    "/oauth/**",
};
constexpr Text kVariables[] = {"STRIPE_API_KEY", "STRIPE_SECRET_KEY", "STRIPE_KEY"};

}  // namespace

constinit const Preset kStripe = {
    .name = "stripe",
    .what = "Stripe's API",
    .mount = "/stripe",
    .base_url = "https://api.stripe.com",
    .api_path = "/v1",
    .auths = kAuth,
    .paths = kPaths,
    .denied = kDenied,
    .variables = kVariables,
    .sdk = "stripe.api_base = {gateway} and the caller's API key as stripe.api_key"};

}  // namespace claviger::cli
