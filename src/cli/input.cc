// SPDX-License-Identifier: Apache-2.0
#include "cli/input.h"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <span>

#include "base/file.h"

namespace claviger::cli {
namespace {

constexpr std::size_t kMaxSecret = std::size_t{64} << 10;

Error input_error(const std::string& name, int error_number) {
  const Code code = error_number == ENOENT ? Code::kNotFound : Code::kInvalid;
  return Error::from_errno(code, Blame::kOperator, name, error_number);
}

Result<std::string> read_all(int fd, const std::string& name, std::size_t max) {
  std::string text;
  if (base::read_all(fd, max, text)) return text;
  if (errno != EFBIG) return input_error(name, errno);
  return Error::formatted(Code::kInvalid, Blame::kOperator,
                          name + ": larger than the " + std::to_string(max) + " bytes it may have");
}

// Which signal came while a secret was typed; 0 for none.
volatile sig_atomic_t interrupted_by = 0;
void on_signal(int number) { interrupted_by = number; }

// A terminal that does not show what is typed. It is put back whatever ends the reading, signals included.
class SilentTerminal {
 public:
  static Result<std::unique_ptr<SilentTerminal>> make() {
    std::unique_ptr<SilentTerminal> silent(new SilentTerminal());
    if (::tcgetattr(STDIN_FILENO, &silent->before_) != 0) return input_error("the terminal", errno);
    interrupted_by = 0;
    struct sigaction action{};
    action.sa_handler = on_signal;  // no SA_RESTART: read() must return
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &silent->actions_[i]);
    silent->is_silent_ = true;
    termios quiet = silent->before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ICANON | ECHONL;  // the Enter alone is shown
    if (::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0) return input_error("the terminal", errno);
    return silent;
  }
  ~SilentTerminal() {
    if (!is_silent_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &actions_[i], nullptr);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  SilentTerminal() = default;
  static constexpr std::array<int, 5> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
  termios before_{};
  std::array<struct sigaction, kSignals.size()> actions_{};
  bool is_silent_ = false;
};

// Until the end of the input, of a line, or of `out`; how much it was.
Result<std::size_t> read_into(std::span<std::byte> out, bool is_line) {
  std::size_t total = 0;
  while (total < out.size()) {
    const ssize_t got = ::read(STDIN_FILENO, out.data() + total, out.size() - total);
    if (got < 0 && errno == EINTR && interrupted_by == 0) continue;
    if (interrupted_by != 0)
      return Error(Code::kCancelled, Blame::kOperator, "interrupted; nothing was changed");
    if (got < 0) return input_error("standard input", errno);
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
    if (is_line && out[total - 1] == std::byte{'\n'}) break;
  }
  return total;
}

void take_line_end_off(base::SecretBytes& secret) noexcept {
  const std::string_view text = secret.reveal_text();
  if (!text.ends_with('\n')) return;
  secret.shrink(text.size() - (text.ends_with("\r\n") ? 2 : 1));
}

}  // namespace

Result<std::string> read_input(const std::string& path, std::size_t max) {
  if (path == "-") return read_all(STDIN_FILENO, "standard input", max);
  const base::Descriptor file(path, O_RDONLY);
  if (!file.is_open()) return input_error(path, errno);
  return read_all(file.number(), path, max);
}

Result<base::SecretBytes> read_secret_input(base::SecretArena& arena, const std::string& prompt) {
  // Room for a line end, and for the one byte more that shows that it is too long.
  base::SecretBytes secret = CLV_TRY(base::SecretBytes::allocate(arena, kMaxSecret + 3));
  const bool is_terminal = ::isatty(STDIN_FILENO) == 1;
  std::unique_ptr<SilentTerminal> silent;
  if (is_terminal) {
    silent = CLV_TRY(SilentTerminal::make());
    (void)!::write(STDERR_FILENO, prompt.data(), prompt.size());
  }
  const auto size = read_into(secret.reveal(), is_terminal);
  silent.reset();
  if (!size.has_value() && is_terminal) (void)!::write(STDERR_FILENO, "\n", 1);  // no Enter was typed
  if (!size.has_value()) return size.error();
  secret.shrink(*size);
  take_line_end_off(secret);
  if (secret.empty())
    return Error(Code::kInvalid, Blame::kOperator,
                 "the secret on standard input is empty; nothing was changed");
  if (secret.size() > kMaxSecret)
    return Error(Code::kInvalid, Blame::kOperator, "the secret on standard input is over 64 KiB");
  return secret;
}

}  // namespace claviger::cli
