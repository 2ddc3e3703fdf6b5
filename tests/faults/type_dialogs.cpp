// SPDX-License-Identifier: Apache-2.0
//
// Values of another type than the other side expects, or of none: in each place where one can be.

#include <array>
#include <chrono>
#include <stdexcept>

#include "dialogs.hpp"
#include "endpoints.hpp"
#include "parts.hpp"

namespace faults {

using namespace std::chrono_literals;
using tractor::portal;

namespace {

// Found by who sends it.
sc::task<std::string> started_value_without_a_form(const portal& there) {
  co_await there.open_context<&start_without_a_form>({}, [](auto&, const std::string&) -> sc::task<> { co_return; });
  co_return "no error";
}
// Found where the block is entered.
sc::task<std::string> started_value_of_the_wrong_type(const portal& there) {
  co_await there.open_context_from_ns<std::string, std::string>("fault_dialogs", "simple", {{"number", 6}},
                                                                [](auto&, const std::string&) -> sc::task<> { co_return; });
  co_return "no error";
}
sc::task<std::string> result_of_the_wrong_type(const portal& there) {
  co_await there.open_context_from_ns<int, int>("fault_dialogs", "simple", {{"number", 6}}, [](auto&, int) -> sc::task<> { co_return; });
  co_return "no error";
}
sc::task<std::string> result_of_a_call_of_the_wrong_type(const portal& there) {
  static_cast<void>(co_await there.run_from_ns<std::string>("fault_dialogs", "twice", {{"number", 6}}));
  co_return "no error";
}
// The opener raises it, and the endpoint is cancelled.
sc::task<std::string> item_of_the_wrong_type(const portal& there) {
  co_await there.open_context_from_ns<int, void, int, std::string>("fault_dialogs", "mirror", {}, [](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([](auto& stream) -> sc::task<> {
      co_await stream.send(1);
      static_cast<void>(co_await stream.receive());
    });
  });
  co_return "no error";
}
// The endpoint fails by it, and that comes back.
sc::task<std::string> item_of_the_wrong_type_to_the_peer(const portal& there) {
  co_await there.open_context_from_ns<int, void, std::string, int>("fault_dialogs", "mirror", {}, [](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([](auto& stream) -> sc::task<> {
      co_await stream.send("no number");
      co_await sc::sleep_forever();
    });
  });
  co_return "no error";
}
sc::task<std::string> value_of_a_generator_of_the_wrong_type(const portal& there) {
  co_await there.open_stream_from_ns<std::string>("fault_dialogs", "numbers", {{"count", 5}},
                                                  [](auto& stream) -> sc::task<> { static_cast<void>(co_await stream.receive()); });
  co_return "no error";
}
sc::task<std::string> item_without_a_form(const portal& there) {
  co_await there.open_context<&send_without_a_form>({}, [](auto& ctx) -> sc::task<> {
    co_await ctx.open_stream([](auto& stream) -> sc::task<> {
      while (co_await stream.next()) continue;
    });
  });
  co_return "no error";
}

}  // namespace

std::span<const dialog> type_dialogs() {
  static const std::array all{
      FAULTS_DIALOG(started_value_without_a_form, "error:MsgTypeError", 68),
      FAULTS_DIALOG(started_value_of_the_wrong_type, "error:MsgTypeError", 68),
      FAULTS_DIALOG(result_of_the_wrong_type, "error:MsgTypeError", 68),
      FAULTS_DIALOG(result_of_a_call_of_the_wrong_type, "error:MsgTypeError", 68),
      FAULTS_DIALOG(item_of_the_wrong_type, "error:MsgTypeError", 132),
      FAULTS_DIALOG(item_of_the_wrong_type_to_the_peer, "error:MsgTypeError", 100),
      FAULTS_DIALOG(value_of_a_generator_of_the_wrong_type, "error:MsgTypeError", 68),
      FAULTS_DIALOG(item_without_a_form, "error:MsgTypeError", 68),
  };
  return all;
}

}  // namespace faults
