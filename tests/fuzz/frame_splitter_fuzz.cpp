// SPDX-License-Identifier: Apache-2.0
//
// Any stream in any pieces: the frames that come out are those of the stream, or it is refused where a frame is too large.
// The first byte chooses how the rest is cut.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "tractor/msg/errors.hpp"
#include "tractor/msg/framing.hpp"

namespace {

namespace msg = tractor::msg;

constexpr std::size_t frame_bytes_max = 5'000;

void require(bool condition) {
  if (!condition) std::abort();
}

// The frames by definition; false when one is above the bound. `rest` is what follows the last whole one.
bool split_at_once(msg::bytes_view stream, std::vector<msg::bytes_view>& frames, std::size_t& rest) {
  std::size_t at = 0;
  while (stream.size() - at >= 4) {
    std::size_t length = 0;
    for (std::size_t i = 4; i-- > 0;) length = length << 8 | static_cast<std::size_t>(stream[at + i]);
    if (length > frame_bytes_max) return false;
    if (stream.size() - at - 4 < length) break;
    frames.push_back(stream.subspan(at + 4, length));
    at += 4 + length;
  }
  rest = stream.size() - at;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::uint32_t cut = data[0];
  const auto stream = msg::as_bytes({reinterpret_cast<const char*>(data) + 1, size - 1});
  std::vector<msg::bytes_view> expected;
  std::size_t rest = 0;
  const bool fine = split_at_once(stream, expected, rest);

  msg::frame_splitter splitter(frame_bytes_max);
  std::size_t found = 0;
  bool refused = false;
  for (std::size_t at = 0; at < stream.size() && !refused;) {
    cut = cut * 1103515245 + 12345;
    const std::size_t piece = std::min<std::size_t>(stream.size() - at, 1 + (cut >> 16) % (1 + data[0]));
    const auto tail = splitter.writable_tail(piece);
    require(tail.size() >= piece);
    std::ranges::copy(stream.subspan(at, piece), tail.begin());
    splitter.commit(piece);
    at += piece;
    require(splitter.capacity() <= 2 * (splitter.buffered_bytes() + 1 + data[0]) ||
            splitter.capacity() <= 2 * (frame_bytes_max + 4 + 2 * 256));
    try {
      while (const auto body = splitter.next()) {
        require(found < expected.size() && std::ranges::equal(*body, expected[found]));
        ++found;
      }
    } catch (const msg::protocol_error&) {
      refused = true;
    }
  }
  require(refused == !fine);
  require(found == expected.size());
  if (fine) require(splitter.buffered_bytes() == rest && splitter.at_frame_boundary() == (rest == 0) && !splitter.describe_eof().empty());
  return 0;
}
