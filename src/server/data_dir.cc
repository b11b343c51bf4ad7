// SPDX-License-Identifier: Apache-2.0
#include "server/data_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "base/secret_arena.h"
#include "net/local_ca.h"

namespace claviger::server {
namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

Result<void> make_directory(const std::string& path) {
  std::error_code reason;
  const bool is_new = fs::create_directories(path, reason);
  if (is_new && !reason) fs::permissions(path, fs::perms::owner_all, reason);
  if (reason)
    return Error::from_errno(Code::kInvalid, Blame::kOperator,
                             "making the data directory " + path + " (choose another with --data-dir)",
                             reason.value());
  return ok();
}

namespace {

std::vector<std::string> names_for(const net::Endpoint& listen) {
  std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
  if (!net::is_loopback(listen.address) && !net::is_unspecified(listen.address))
    names.push_back(base::format_ip(listen.address));
  char host[256];
  if (net::is_unspecified(listen.address) && ::gethostname(host, sizeof host) == 0) names.emplace_back(host);
  return names;
}

Error write_error(const std::string& path, int reason) {
  return Error::from_errno(Code::kInvalid, Blame::kOperator, "writing " + path, reason);
}

}  // namespace

Result<void> write_file(const std::string& path, std::string_view text, unsigned mode) {
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const base::Descriptor file(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (!file.is_open()) return write_error(path, errno);
  if (!base::write_all(file.number(), text) || ::fsync(file.number()) != 0 ||
      ::rename(fresh.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(fresh.c_str());
    return write_error(path, reason);
  }
  if (!base::sync_directory_of(path)) return write_error(base::directory_of(path), errno);
  return ok();
}

Result<CertificateFiles> ensure_certificate(const std::string& data_dir, const net::Endpoint& listen) {
  const CertificateFiles files{data_dir + "/ca.pem", data_dir + "/server.pem", data_dir + "/server.key"};
  const bool any = exists(files.ca) || exists(files.certificate) || exists(files.key);
  const bool all = exists(files.ca) && exists(files.certificate) && exists(files.key);
  if (all) return files;
  if (any)
    return Error::formatted(Code::kInvalid, Blame::kOperator,
                            data_dir +
                                " holds only some of ca.pem, server.pem and server.key: put the others back, "
                                "or remove them to have new ones made");
  CLV_TRY_VOID(make_directory(data_dir));
  net::LocalCa made = CLV_TRY(net::make_local_ca(names_for(listen)));
  auto written = write_file(files.key, made.key_pem, 0600);
  base::wipe(made.key_pem.data(), made.key_pem.size());
  if (written.has_value()) written = write_file(files.certificate, made.certificate_pem, 0644);
  if (written.has_value()) written = write_file(files.ca, made.ca_pem, 0644);
  if (!written.has_value()) return written.error();
  return files;
}

}  // namespace claviger::server
