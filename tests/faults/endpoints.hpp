// SPDX-License-Identifier: Apache-2.0
//
// What can be asked for in the sweep: the module "fault_dialogs" of the server, and of the third actor.

#pragma once

#include <string>

#include "tractor/tractor.hpp"

namespace faults {

namespace sc = tractor::sc;
template <class First = void, class In = void, class Out = void>
using context = tractor::context<First, In, Out>;

sc::task<int> twice(int number);
sc::task<std::string> echo_text(std::string text);
sc::task<> fail(std::string why);
sc::task<> fail_as_a_group();
sc::task<> wait_for_ever();
sc::task<> clean_up_slowly();
sc::task<std::string> simple(context<int>& ctx, int number);
sc::task<> fail_before_started(context<int>&);
sc::task<> fail_after_started(context<>& ctx);
sc::task<> sleeper(context<>& ctx);
sc::task<> cancel_itself(context<>& ctx);
sc::task<> never_started(context<>&);
sc::task<int> goes_on(context<>& ctx);
sc::task<> fail_when_cancelled(context<>& ctx);
sc::task<int> mirror(context<void, int, int>& ctx);
sc::task<int> send_some(context<void, void, std::string>& ctx, int count, int bytes);
sc::task<int> take_some(context<void, int, void>& ctx, int count);
sc::task<> fail_in_stream(context<void, int, int>& ctx);
sc::generator<int> numbers(int count);
sc::generator<int> numbers_and_an_error(int count);
sc::task<> never_gets_to_started(context<>& ctx);
sc::task<> slow_to_end(context<void, int, int>& ctx);
sc::task<> start_without_a_form(context<std::string>& ctx);
sc::task<> send_without_a_form(context<void, void, std::string>& ctx);
sc::task<> send_slowly_and_wait(context<void, void, std::string>& ctx);
sc::task<> overrun_by_its_peer(context<void, int, int>& ctx);
sc::task<> relay_error(std::string why);
sc::task<> relay_cancel();
sc::task<int> relay_stream(context<void, int, int>& ctx);

}  // namespace faults
