// SPDX-License-Identifier: Apache-2.0
//
// A peer that speaks the protocol by hand, and an actor for it to attack: the module "hostile_target" is exposed there.

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/sc/sc_test.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/tractor.hpp"

namespace raw {

namespace sc = tractor::sc;
namespace ipc = tractor::ipc;
namespace msg = tractor::msg;

inline const tractor::uid intruder{.name = "intruder", .uuid = "5f0c2f6e-0000-4000-8000-000000000001"};

// A peer that speaks for itself: a channel over a raw connection.
class raw_peer {
 public:
  explicit raw_peer(std::unique_ptr<sc::byte_stream> stream) : channel_(std::move(stream)) {}

  void send_bytes(std::string_view bytes) {
    channel_.send([&](msg::buffer& out) { out.append(bytes); });
  }
  void send_aid(const tractor::uid& claimed = intruder) {
    channel_.send([&](msg::buffer& out) {
      msg::encode_aid(out, {.name = claimed.name, .uuid = claimed.uuid, .pid = 1, .is_registrar = false, .is_probe = false});
    });
  }
  void send_frame(const msg::value& body) {
    channel_.send([&](msg::buffer& out) {
      msg::frame_scope frame(out);
      msg::encode(out, body);
      frame.finish();
    });
  }
  void send_start(std::string_view cid, std::string_view ns, std::string_view func, const msg::value::map& kwargs = {},
                  const tractor::uid& claimed = intruder) {
    channel_.send([&](msg::buffer& out) {
      msg::encode_start(out, cid, ns, func, [&](msg::writer& to) { msg::encode_item(to, kwargs); }, msg::uid_view(claimed));
    });
  }
  // "Return", "Error:ModuleNotExposed", …; "closed" at the end of the connection.
  sc::task<std::string> answer() {
    try {
      auto message = co_await channel_.receive();
      if (!message) co_return "closed";
      if (const auto* error = std::get_if<msg::error_msg>(&*message)) {
        last_message_ = error->message.value_or("");
        co_return "Error:" + error->boxed_type_str;
      }
      if (const auto* ack = std::get_if<msg::start_ack>(&*message)) {
        last_had_extra_ = ack->has_extra;
        last_kind_ = ack->functype;
      }
      co_return std::string(msg::wire_name(msg::kind_of(*message)));
    } catch (const tractor::transport_closed&) {
      co_return "closed";
    }
  }
  sc::task<> shake_hands() {
    send_aid();
    const auto first = co_await answer();
    EXPECT_EQ(first, "Aid");
  }
  [[nodiscard]] const std::string& last_message() const { return last_message_; }
  // The last StartAck had keys beyond those of the protocol.
  [[nodiscard]] bool last_had_extra() const { return last_had_extra_; }
  // What the last StartAck said that it had started.
  [[nodiscard]] std::optional<msg::function_kind> last_kind() const { return last_kind_; }
  void hang_up() { channel_.close("done"); }
  [[nodiscard]] ipc::channel& channel() { return channel_; }
  [[nodiscard]] int fd() { return dynamic_cast<sc::socket_stream&>(channel_.stream()).fd(); }

 private:
  ipc::channel channel_;
  std::string last_message_;
  bool last_had_extra_ = false;
  std::optional<msg::function_kind> last_kind_;
};

// How many tasks of "announce" got past their started().
extern int announced;
// How many sends of "send_too_late" were refused, for their peer was gone.
extern int sends_refused;
// How many of the `senders` of "pour" have ended, whatever by.
extern int sends_ended;
inline constexpr int senders = 3;

using attack = std::function<sc::task<>(raw_peer&)>;

// Runs `attacking(raw_peer&)` against an actor that listens there, then checks that the actor serves others.
sc::task<> attack_actor(ipc::address where, const attack& attacking);

}  // namespace raw
