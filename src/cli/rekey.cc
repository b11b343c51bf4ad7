// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/catalog.h"
#include "cli/document_fields.h"
#include "cli/output.h"
#include "cli/printable.h"

namespace claviger::cli {
namespace {

constexpr std::string_view kPath = "/api/v1/vault/rekey";
// Of the address's rate, which others live on as well.
constexpr std::chrono::milliseconds kFirstLook{200};
constexpr std::chrono::milliseconds kLatestLook{2000};

class Rekey final : public Command {
 public:
  std::string_view path() const noexcept override { return "rekey"; }
  std::string_view summary() const noexcept override {
    return "Replace the vault's master key, while the gateway serves";
  }
  std::string_view examples() const noexcept override {
    return "  claviger rekey                                     a new key is drawn, and takes the old one's "
           "place\n"
           "  claviger rekey --to file:/keys/claviger.key        another file (made, when it is not there)\n"
           "  claviger rekey --to passphrase:file:/keys/phrase   made of a passphrase\n"
           "  claviger rekey --to transit:claviger               wrapped by a Vault's or OpenBao's transit "
           "key\n"
           "  claviger rekey --follow                            watch one that is under way\n\n"
           "Every secret is opened and sealed anew, under data keys drawn for it; calls and management go "
           "on. An\n"
           "interruption of the gateway is gone on from by its next start, which needs both keys until "
           "then.\n"
           "Afterwards make a backup, and keep the new key apart from it. Backups from before need the OLD "
           "key,\n"
           "which is kept under another name beside the new one; with --remove-old it is gone for good.";
  }
  void declare(Flags& flags) override {
    flags.option(
        "--to", "SOURCE", to_,
        "Where the new key comes from, seen from the gateway: file:PATH, env:NAME, passphrase:file:PATH, "
        "passphrase:env:NAME or transit:KEY (default: drawn, where the one in use is)");
    flags.flag("--remove-old", remove_old_,
               "Remove the old key in the end: no backup from before can be opened");
    flags.flag("--no-wait", no_wait_, "Begin it, and do not wait for its end");
    flags.flag("--follow", follow_, "Wait for one that is under way");
    flags.option("-o,--output", "FORMAT", format_, "text or json (default: text)");
  }

  Result<void> run() override {
    if (format_ != "text" && format_ != "json") return usage_error("-o takes text or json");
    if (follow_ && (!to_.empty() || remove_old_ || no_wait_))
      return usage_error("--follow begins nothing: leave --to, --remove-old and --no-wait out");
    const auto client = CLV_TRY(AdminClient::create());
    base::Document state = CLV_TRY(follow_ ? client->call_json("GET", std::string(kPath))
                                           : client->call_json("POST", std::string(kPath), request()));
    if (text_member(state, "phase") == "none")
      return format_ == "json" ? show_json(state) : print("No rekey was begun since the gateway started.\n");
    if (!no_wait_) state = CLV_TRY(wait(*client, std::move(state)));
    return format_ == "json" ? show_json(state) : show(state);
  }

 private:
  std::string request() const {
    std::string json = remove_old_ ? R"({"remove_old":true)" : R"({"remove_old":false)";
    if (!to_.empty()) base::append_json_string(json += R"(,"to":)", to_);
    return json + "}";
  }

  Result<base::Document> wait(AdminClient& client, base::Document state) const {
    const bool shows = format_ == "text" && ::isatty(STDERR_FILENO) == 1;
    std::string failure;
    for (auto pause = kFirstLook; text_member(state, "phase") != "finished";
         pause = std::min(pause * 2, kLatestLook)) {
      if (shows)
        say(fmt::format("\r{} of {} secrets", printable(text_member(state, "done")),
                        printable(text_member(state, "total"))));
      if (const std::string now = printable(text_member(state, "failure")); now != failure) {
        failure = now;
        if (!failure.empty()) say(fmt::format("{}IT WAITS: {}\n", shows ? "\n" : "", failure));
      }
      std::this_thread::sleep_for(pause);
      auto next = client.call_json("GET", std::string(kPath));
      if (!next.has_value())
        return next.error().within(
            "the rekey was begun and goes on by itself, at the next start if need be (`claviger rekey "
            "--follow`), "
            "but");
      // Another process answers, to which all of it is over.
      if (text_member(*next, "phase") == "none") {
        if (shows) say("\n");
        return *std::move(next);
      }
      state = *std::move(next);
    }
    if (shows) say("\n");
    return state;
  }

  static void say(const std::string& text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

  static Result<void> show_json(const base::Document& state) {
    std::string out;
    base::append_json(out, state);
    return print(out + "\n");
  }

  static Result<void> show(const base::Document& state) {
    if (text_member(state, "phase") == "none")
      return print("The gateway was restarted, and the rekey is over: `claviger status` has the key's id.\n");
    const std::string keys = fmt::format("old  {}\nnew  {}\n\n", printable(text_member(state, "from")),
                                         printable(text_member(state, "to")));
    if (text_member(state, "phase") != "finished")
      return print(keys +
                   "It goes on by itself; watch it with `claviger rekey --follow`. Until it is over, a start "
                   "needs both keys.\n");
    return print(
        keys +
        fmt::format("{} secrets are under the new key; the old one opens nothing in the store.\n{}.\n\n"
                    "Make a backup now, and keep a copy of the new key apart from it: nothing but the old "
                    "one opens backups from before.\n",
                    printable(text_member(state, "total")), printable(text_member(state, "old_key"))));
  }

  std::string to_, format_ = "text";
  bool remove_old_ = false, no_wait_ = false, follow_ = false;
};

}  // namespace

std::unique_ptr<Command> make_rekey() { return std::make_unique<Rekey>(); }

}  // namespace claviger::cli
