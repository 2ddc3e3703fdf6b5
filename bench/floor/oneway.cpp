// SPDX-License-Identifier: Apache-2.0
//
// Floor of a one-way stream over a UDS socketpair into another process, which acknowledges each block of a second's fraction
// with one byte. `--n` counts blocks; the rate of a block is a sample.
//
//   --mode each   oneway.small.each      64-byte messages, a write each
//   --mode batch  oneway.small.batch     64-byte messages, 64 of them in one writev
//   --mode bulk   oneway.64k             64 KiB messages, a write each
#include "floor.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

namespace {

constexpr std::size_t small_bytes = 64;
constexpr std::size_t batch_messages = 64;
constexpr std::size_t bulk_bytes = 64 * 1024;
constexpr std::size_t read_bytes = 64 * 1024;  // measured: two to four times as fast in bulk as 256 KiB

struct plan {
  const char* id;
  const char* unit;
  std::size_t message_bytes, messages_a_write, writes_a_block;
  double scale;  // of messages a second, to the unit
  [[nodiscard]] std::size_t bytes_a_write() const { return message_bytes * messages_a_write; }
  [[nodiscard]] std::size_t block_bytes() const { return bytes_a_write() * writes_a_block; }
};

plan plan_for(const std::string& mode) {
  if (mode == "batch") return {"oneway.small.batch", "msg/s", small_bytes, batch_messages, 10'000, 1};
  if (mode == "bulk") return {"oneway.64k", "MB/s", bulk_bytes, 1, 4'000, bulk_bytes / 1e6};
  return {"oneway.small.each", "msg/s", small_bytes, 1, 50'000, 1};
}

[[noreturn]] void be_reader(int fd, const plan& p) {
  std::vector<char> buffer(read_bytes);
  for (std::size_t received = 0;;) {
    const ssize_t got = raw::check(::read(fd, buffer.data(), buffer.size()), "read");
    if (got == 0) ::_exit(0);
    received += static_cast<std::size_t>(got);
    if (received < p.block_bytes()) continue;
    received -= p.block_bytes();
    raw::check(::write(fd, "a", 1), "acknowledge");
  }
}

// The messages lie apart in memory, as they do in a queue of encoded messages.
class writer {
 public:
  writer(int fd, const plan& p) : fd_(fd), plan_(p), memory_(p.bytes_a_write() * 2, 'x') {
    for (std::size_t i = 0; i < p.messages_a_write; ++i) parts_.push_back({&memory_[i * 2 * p.message_bytes], p.message_bytes});
  }

  double block_rate() {
    const double before = raw::now_ns();
    for (std::size_t i = 0; i < plan_.writes_a_block; ++i) write_once();
    char byte = 0;
    if (raw::check(::read(fd_, &byte, 1), "acknowledgement") != 1) raw::fail("the reader went away");
    const double seconds = (raw::now_ns() - before) / 1e9;
    return static_cast<double>(plan_.writes_a_block * plan_.messages_a_write) / seconds * plan_.scale;
  }

 private:
  void write_once() {
    const ssize_t sent = plan_.messages_a_write == 1 ? ::write(fd_, memory_.data(), plan_.message_bytes)
                                                     : ::writev(fd_, parts_.data(), static_cast<int>(parts_.size()));
    // A blocking stream socket takes everything unless a signal interrupts it, and none is handled here.
    if (sent != static_cast<ssize_t>(plan_.bytes_a_write())) raw::fail("write");
  }

  int fd_;
  const plan& plan_;
  std::vector<char> memory_;
  std::vector<iovec> parts_;
};

}  // namespace

int main(int argc, char** argv) {
  const raw::options o = raw::begin(argc, argv);
  const plan p = plan_for(o.mode);
  int ends[2];
  raw::check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  const pid_t parent = ::getpid();
  const pid_t peer_process = raw::check(::fork(), "fork");
  if (peer_process == 0) {
    raw::die_with(parent);
    raw::pin(o.cpu2);
    ::close(ends[0]);
    be_reader(ends[1], p);
  }
  ::close(ends[1]);
  writer w(ends[0], p);
  std::vector<double> rates;
  w.block_rate();
  while (rates.size() < o.n) rates.push_back(w.block_rate());
  ::close(ends[0]);
  raw::reap(peer_process);
  raw::report(p.id + std::string(".") + raw::placement(o), p.unit, rates);
}
