// SPDX-License-Identifier: Apache-2.0
#include "doors/externaldns/technitium.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/parse.h"
#include "doors/externaldns/names.h"
#include "doors/externaldns/record_sink.h"

namespace claviger::doors::externaldns {
namespace {

// Of JSON, which is not held: 60,000 records are 20 MiB or so.
constexpr std::size_t kMostListing = std::size_t{256} << 20;
constexpr std::size_t kMostZoneList = std::size_t{64} << 20;  // of a page
constexpr std::size_t kMostPages = 1000;

// Theirs, shown to an operator: cut, and of printable ASCII.
std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 240;
  std::string out;
  for (const char c : text.substr(0, kMost)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

const base::Document* member(const base::Document& map, std::string_view name) noexcept {
  const auto found = std::ranges::find(map.entries, name, &base::DocumentEntry::first);
  return found == map.entries.end() ? nullptr : &found->second;
}
std::string_view text_of(const base::Document& map, std::string_view name) noexcept {
  const base::Document* const found = member(map, name);
  return found == nullptr ? std::string_view() : std::string_view(found->scalar);
}

Error node_failed(const Node& node, std::string_view why) {
  return Error::formatted(Code::kUpstreamFailed, Blame::kUpstream,
                          fmt::format("{}: {}", node_text(node), why));
}

// What the gateway answers in the server's place (docs/errors.md), in words that say where to look.
struct OwnAnswer {
  std::string_view code, words;
};
constexpr OwnAnswer kOwnAnswers[] = {
    {"denied", "the gateway does not let the call through: denied: see the grant of the door's principal"},
    {"limited",
     "the gateway does not let the call through: limited: see rate and quota of the grant of the door's "
     "principal"},
    {"unauthenticated",
     "the gateway does not let the call through: unauthenticated: see the door's principal"},
    {"no_credential", "no credential works: check user and password"},
    {"no_upstream", "the gateway has mounted nothing there"},
    {"bad_request", "the gateway takes the call for malformed"},
    {"too_large", "the call is larger than the gateway lets through: see limits.body"},
    {"upstream_failed", "cannot be reached"},
    {"upstream_timeout", "cannot be reached in time"},
    {"unavailable", "cannot be reached: the gateway takes no calls"}};

std::string words_of(const ApiAnswer& answer) {
  const auto known = std::ranges::find(kOwnAnswers, answer.error_code, &OwnAnswer::code);
  std::string words = known != std::ranges::end(kOwnAnswers)
                          ? std::string(known->words)
                          : fmt::format("the gateway answers in its place: {}", shown(answer.error_code));
  const auto problem = base::parse_json(answer.body, "its answer");
  if (problem.has_value() && !text_of(*problem, "detail").empty())
    words += fmt::format(": {}", shown(text_of(*problem, "detail")));
  if (answer.retry_after > 0) words += fmt::format(" (again in {} s)", answer.retry_after);
  return words;
}

// Codes of the gateway's that mean that nothing has reached the server.
bool is_not_let_through(std::string_view error_code) noexcept {
  constexpr std::string_view kCodes[] = {"denied", "limited", "unauthenticated", "no_upstream"};
  return std::ranges::find(kCodes, error_code) != std::ranges::end(kCodes);
}

// Why an answer is none of the server's own, if it is not.
std::optional<std::string> is_no_answer(const ApiAnswer& answer) {
  if (!answer.error_code.empty()) return words_of(answer);
  if (answer.status != 200) return fmt::format("it answers with status {}", answer.status);
  return std::nullopt;
}

struct Said {
  std::string status, message;
  bool is_ok() const noexcept { return status == "ok"; }
  // Its own words, and not that of whoever stands before it.
  bool is_error() const noexcept { return status == "error"; }
  std::string why() const {
    if (is_error()) return message.empty() ? "it says 'error', and not why" : message;
    return fmt::format("it says '{}'{}{}", shown(status), message.empty() ? "" : ": ", message);
  }
};

Said said_in(std::string_view status, std::string_view message, std::string_view inner) {
  Said said{.status = std::string(status), .message = shown(message)};
  if (!inner.empty()) said.message += fmt::format(" ({})", shown(inner));
  return said;
}
Said said_in(const AnswerSink& answer) {
  return said_in(answer.status(), answer.error_message(), answer.inner_error_message());
}
Said said_in(const base::Document& body) {
  return said_in(text_of(body, "status"), text_of(body, "errorMessage"), text_of(body, "innerErrorMessage"));
}

bool is_no_such_zone(std::string_view message) noexcept {
  return message.starts_with("No such zone was found");
}

// "Cannot add record: record already exists." and "Cannot delete record: no such record exists.": of a call that was answered late, or twice.
bool was_so(std::string_view path, std::string_view message) noexcept {
  if (path.ends_with("/add")) return message.starts_with("Cannot add record: record already exists");
  if (path.ends_with("/delete")) return message.starts_with("Cannot delete record: no such record exists");
  if (path.ends_with("/create")) return message.starts_with("Zone already exists");
  return false;
}

void append_node(std::string& form, const Node& node) {
  if (!node.by_way.empty()) append_form_field(form, "node", node.by_way);
}

std::string_view without_ampersand(std::string_view form) noexcept {
  return form.starts_with('&') ? form.substr(1) : form;
}

}  // namespace

std::string node_text(const Node& node) {
  return node.by_way.empty() ? node.upstream : fmt::format("{} by way of {}", node.by_way, node.upstream);
}

// An answer that is the server's own, all of it, is read as it comes.
net::Task<Result<void>> Technitium::read(const Node& node, std::string_view path, std::string form,
                                         Monotonic until, base::JsonReader& into) {
  append_node(form, node);
  const auto answer =
      co_await calls_.send({.upstream = node.upstream,
                            .path = path,
                            .form = without_ampersand(form),
                            .until = until,
                            .on_body = [&into](std::string_view piece) { return into.write(piece); }});
  if (!answer.has_value()) co_return node_failed(node, answer.error().what());
  if (const auto why = is_no_answer(*answer)) co_return node_failed(node, *why);
  if (const auto whole = into.finish(); !whole.has_value()) co_return node_failed(node, whole.error().what());
  co_return ok();
}

// What a page of the list of zones says of the whole.
struct Technitium::Page {
  std::size_t listed, total_zones, total_pages;
};

net::Task<Result<Technitium::Page>> Technitium::list_page(const Node& node, std::size_t number,
                                                          Monotonic until, std::vector<ServerZone>& into) {
  std::string form;
  if (number > 1) append_form_field(form, "pageNumber", std::to_string(number));
  ZoneSink sink(into);
  base::JsonReader reader(sink, {.total = kMostZoneList});
  CLV_CO_TRY_VOID(co_await read(node, kListZones, std::move(form), until, reader));
  const Said said = said_in(sink);
  if (!said.is_ok()) co_return node_failed(node, said.why());
  if (!sink.has_list()) co_return node_failed(node, "its list of zones is none");
  co_return Page{
      .listed = sink.listed(), .total_zones = sink.total_zones(), .total_pages = sink.total_pages()};
}

// Pages are not asked for: all comes at once, but from a server that makes pages all the same.
net::Task<Result<std::vector<ServerZone>>> Technitium::list_zones(Node node, Monotonic until) {
  std::vector<ServerZone> zones;
  std::size_t listed = 0;
  for (std::size_t number = 1; number <= kMostPages; ++number) {
    const Page page = CLV_CO_TRY(co_await list_page(node, number, until, zones));
    listed += page.listed;
    if (number < page.total_pages) continue;
    // A zone that is not seen would be taken for one that is not there.
    if (listed < page.total_zones)
      co_return node_failed(node, fmt::format("it lists {} of {} zones", listed, page.total_zones));
    co_return zones;
  }
  co_return node_failed(node, "its list of zones has more than 1000 pages");
}

net::Task<Result<void>> Technitium::list_records(Node node, std::string_view zone, std::string_view name,
                                                 Monotonic until, RecordTable& into, std::string& warning) {
  std::string form;
  append_form_field(form, "domain", name.empty() ? zone : name);
  append_form_field(form, "zone", zone);
  append_form_field(form, "listZone", name.empty() ? "true" : "false");
  RecordSink sink(zone, into);
  base::JsonReader reader(sink, {.depth = 16, .text = std::size_t{1} << 20, .total = kMostListing});
  CLV_CO_TRY_VOID(co_await read(node, kGetRecords, std::move(form), until, reader));
  const std::string message = shown(sink.error_message());
  if (sink.status() == "error" && is_no_such_zone(message))
    co_return Error::formatted(Code::kNotFound, Blame::kUpstream,
                               fmt::format("{}: {}", node_text(node), message));
  if (sink.status() != "ok") co_return node_failed(node, said_in(sink).why());
  // The server answers for the closest zone above where there is none of that name.
  if (!base::equals_ignore_case(sink.zone_name(), zone))
    co_return Error::formatted(Code::kNotFound, Blame::kUpstream,
                               fmt::format("{}: there is no zone {}", node_text(node), zone));
  if (sink.zone_type() != "Primary")
    co_return Error::formatted(
        Code::kUnavailable, Blame::kUpstream,
        fmt::format("{}: {} is {} there, not Primary", node_text(node), zone, shown(sink.zone_type())));
  if (sink.unreadable() > 0)
    warning = fmt::format("{} records of {} cannot be shown and are left alone, the first: {}",
                          sink.unreadable(), zone, shown(sink.why_unreadable()));
  co_return ok();
}

net::Task<ChangeAnswer> Technitium::change(Node node, std::string_view path, std::string form,
                                           Monotonic until) {
  append_node(form, node);
  const auto answer = co_await calls_.send(
      {.upstream = node.upstream, .path = path, .form = without_ampersand(form), .until = until});
  ChangeAnswer came;
  const auto failed = [&](std::string_view why) {
    came.change = Change::kFailed;
    came.reason = fmt::format("{}: {}", node_text(node), why);
  };
  if (!answer.has_value()) {
    failed(answer.error().what());
    if (answer.error().code() == Code::kUnavailable) came.change = Change::kNotSent;
    if (answer.error().code() == Code::kCancelled) came.change = Change::kStopped;
    co_return came;
  }
  came.request_id = answer->request_id;
  if (const auto why = is_no_answer(*answer)) {
    failed(*why);
    if (is_not_let_through(answer->error_code)) came.change = Change::kNotSent;
    co_return came;
  }
  const auto body = base::parse_json(answer->body, "its answer");
  if (!body.has_value()) {
    failed(body.error().what());
    co_return came;
  }
  const Said said = said_in(*body);
  if (said.is_ok()) {
    came.change = Change::kDone;
  } else if (said.is_error() && was_so(path, said.message)) {
    came.change = Change::kWasSo;
  } else if (said.is_error()) {
    came.change = Change::kRefused;
    came.reason = said.why();
  } else {
    failed(said.why());
  }
  co_return came;
}

}  // namespace claviger::doors::externaldns
