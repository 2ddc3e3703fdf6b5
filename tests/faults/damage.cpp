// SPDX-License-Identifier: Apache-2.0

#include "damage.hpp"

#include <algorithm>
#include <variant>
#include <vector>

#include "fault_stream.hpp"
#include "tractor/msg/framing.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/runtime/detail/credit.hpp"

namespace faults {

namespace {

namespace msg = tractor::msg;

// The messages of a stream, with what they are views into.
class received {
 public:
  explicit received(std::span<const std::byte> stream) {
    const auto tail = splitter_.writable_tail(stream.size());
    std::ranges::copy(stream, tail.begin());
    splitter_.commit(stream.size());
    try {
      while (const auto body = splitter_.next()) {
        bodies.push_back(*body);
        messages.push_back(msg::decode_envelope(*body));
      }
    } catch (const tractor::error&) {
      refused = true;
    }
  }

  std::vector<msg::bytes_view> bodies;
  std::vector<msg::envelope> messages;
  bool refused = false;

 private:
  msg::frame_splitter splitter_;
};

// Any number is more than each.
bool is_less(const std::optional<std::uint64_t>& now, const std::optional<std::uint64_t>& before) {
  return now && (!before || *now < *before);
}

bool grants_less(const msg::credit& now, const msg::credit& before) {
  return now.bytes < before.bytes || is_less(now.messages, before.messages);
}

bool grants_less(const tractor::detail::credit_note& now, const tractor::detail::credit_note& before) {
  return now && (!before || is_less(*now, *before));
}

damage compare(const received& now, const received& before, std::size_t which) {
  const msg::envelope& is = now.messages[which];
  const msg::envelope& was = before.messages[which];
  if (msg::kind_of(is) != msg::kind_of(was)) return damage::changed;
  // (An Error without one is its sender's end.)
  if (msg::cid_of(is) != msg::cid_of(was) && !msg::cid_of(is).empty()) return damage::to_nobody;
  const auto note = [&](const received& of) { return tractor::detail::credit_note_of(of.bodies[which]); };
  switch (msg::kind_of(is)) {
    case msg::message_kind::credit:
      if (grants_less(std::get<msg::credit>(is), std::get<msg::credit>(was))) return damage::less_room;
      break;
    case msg::message_kind::start: {
      // A cancel, of a task or of the actor: it is refused, or not for that task, so the task goes on.
      if (std::get<msg::start>(was).ns == "self") return damage::to_nobody;
      if (grants_less(note(now), note(before))) return damage::less_room;
      break;
    }
    case msg::message_kind::start_ack:
      if (grants_less(note(now), note(before))) return damage::less_room;
      break;
    default: break;
  }
  return damage::changed;
}

}  // namespace

damage damage_of(std::span<const std::byte> moved, std::size_t flipped) {
  const received before(moved);
  std::vector<std::byte> stream(moved.begin(), moved.end());
  stream[flipped] ^= flipped_bit;
  const received now(stream);
  if (now.refused) return damage::refused;
  if (now.bodies.size() < before.bodies.size()) return damage::unfinished;
  for (std::size_t i = 0; i < before.bodies.size(); ++i)
    if (!std::ranges::equal(now.bodies[i], before.bodies[i])) return compare(now, before, i);
  return damage::unfinished;  // of the last, of which not all had been sent
}

}  // namespace faults
