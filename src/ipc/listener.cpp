// SPDX-License-Identifier: Apache-2.0

#include "tractor/ipc/listener.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sc/peer_groups.hpp"
#include "tractor/base/fd.hpp"
#include "tractor/ipc/runtime_directory.hpp"
#include "tractor/sc/open_tcp_stream.hpp"

namespace tractor::ipc {

namespace {

// The runtime directory is held to more than one that the user named.
void prepare_directory(const std::string& dir) {
  const std::string ours = runtime_directory_path();
  if (dir == ours)
    runtime_directory();
  else if (dir.starts_with(ours + "/"))
    runtime_directory(std::string_view(dir).substr(ours.size() + 1));
  else
    make_directories(dir);
}

// Only this process makes files that end in its pid: one that is there already and dead is from an earlier process of that number.
bool is_named_after_us(const std::string& file) { return file.ends_with("@" + std::to_string(::getpid()) + ".sock"); }

bool may_talk(const sc::socket_stream& stream, const std::optional<sc::peer_credentials>& peer, std::optional<gid_t> group) noexcept {
  return peer && (may_connect(*peer, ::geteuid(), group) || (group && sc::detail::peer_has_group(stream.fd(), *group)));
}

// Its group may connect to it; the rest is for accept() to tell. On a descriptor: whoever may write the directory can put something else
// in the file's place.
void give_to_group(const std::string& path, gid_t group) {
  const unique_fd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat found{};
  if (!file || ::fstat(file.get(), &found) != 0) throw_os_error("open(" + path + ")", errno);
  if (!S_ISSOCK(found.st_mode) || found.st_uid != ::geteuid())
    throw_os_error("listen(" + path + "): it is not this socket any more", EEXIST);
  if (::fchownat(file.get(), "", static_cast<uid_t>(-1), group, AT_EMPTY_PATH) != 0)
    throw_os_error("chown(" + path + ", group " + std::to_string(group) + ")", errno);
  const std::string same = "/proc/self/fd/" + std::to_string(file.get());
  if (::chmod(same.c_str(), 0660) != 0) throw_os_error("chmod(" + path + ")", errno);
}

// A machine that has lost its power or its network says nothing of it: an idle connection is asked whether its other end is still there.
std::unique_ptr<sc::socket_stream> with_keepalive(std::unique_ptr<sc::socket_stream> stream) {
  stream->set_keepalive(keepalive_idle, keepalive_interval, keepalive_probes_max);
  return stream;
}

[[noreturn]] void refuse_inproc(const char* doing, const address& where) {
  throw error(std::string(doing) + "(" + where.text() + "): an in-process address has no socket", error_category::unimplemented);
}

}  // namespace

listener::listener(std::unique_ptr<sc::socket_listener> socket, address local, std::optional<gid_t> group)
    : socket_(std::move(socket)), local_(std::move(local)), group_(group) {}
listener::~listener() = default;

sc::task<connection> listener::accept() {
  for (;;) {
    auto stream = co_await socket_->accept();
    if (local_.uds() != nullptr) {
      const auto peer = stream->credentials();
      if (may_talk(*stream, peer, group_)) co_return connection{std::move(stream), local_, peer};
      ++refused_peers_;
      last_refused_ = peer;
      continue;
    }
    // Nothing when it is gone again already.
    if (const auto remote = stream->remote_endpoint())
      co_return connection{with_keepalive(std::move(stream)), tcp_address{.host = remote->host, .port = remote->port}, std::nullopt};
  }
}

std::unique_ptr<listener> listen(const address& where, listen_options options) {
  if (const uds_address* const at = where.uds()) {
    if (!options.prepared) prepare_directory(at->dir);
    auto socket = sc::listen_unix(at->path(), {.replace_stale = options.replace_stale || is_named_after_us(at->file)});
    if (options.group) give_to_group(at->path(), *options.group);
    return std::unique_ptr<listener>(new listener(std::move(socket), where, options.group));
  }
  if (where.dns() != nullptr) throw usage_error("listen(" + where.text() + "): a name is looked up first, with ipc::resolve_address()");
  const tcp_address* const at = where.tcp();
  if (at == nullptr) refuse_inproc("listen", where);
  if (!options.insecure && !at->is_loopback())
    throw usage_error("listen(" + where.text() + "): " + at->host +
                      " is not a loopback address, and whoever reaches it can run the actor's functions: give the tree a secret "
                      "(TRACTOR_SECRET_FILE), or set insecure if that is meant");
  auto socket = sc::listen_tcp(at->host, at->port);
  const std::uint16_t port = socket->local_endpoint().value().port;
  return std::unique_ptr<listener>(new listener(std::move(socket), tcp_address{.host = at->host, .port = port}));
}

namespace {

// As one address would: an os_error, of what the last attempt failed with.
sc::task<std::unique_ptr<sc::socket_stream>> connect_by_name(const address& to, const dns_address& named) {
  try {
    co_return with_keepalive(co_await sc::open_tcp_stream(named.host, named.port, {.family = named.family}));
  } catch (const sc::open_tcp_error& failed) {
    throw os_error("connect(" + to.text() + "): " + failed.message(), failed.attempts().back().errno_value);
  }
}

}  // namespace

sc::task<std::unique_ptr<sc::socket_stream>> connect(address to, std::optional<gid_t> group) {
  if (const dns_address* const named = to.dns()) co_return co_await connect_by_name(to, *named);
  if (const tcp_address* const at = to.tcp()) co_return with_keepalive(co_await sc::connect_tcp(at->host, at->port));
  const uds_address* const at = to.uds();
  if (at == nullptr) refuse_inproc("connect", to);
  auto stream = co_await sc::connect_unix(at->path());
  const auto peer = stream->credentials();
  if (!may_talk(*stream, peer, group))
    throw os_error("connect(" + to.text() + "): its listener belongs to uid " + (peer ? std::to_string(peer->uid) : "unknown"), EPERM);
  co_return stream;
}

}  // namespace tractor::ipc
