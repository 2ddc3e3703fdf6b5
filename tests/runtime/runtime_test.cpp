// SPDX-License-Identifier: Apache-2.0

#include "runtime_test.hpp"

#include "tractor/sc/exception_group.hpp"

namespace runtime_test {

std::string text_of(const std::exception_ptr& error) { return error ? sc::type_name_of(error) + ": " + sc::describe(error) : "nothing"; }

namespace {

sc::task<> cancel_when_it_hangs(sc::nursery& around) {
  co_await sc::sleep(hang_bound);
  ADD_FAILURE() << "the test hangs:\n" << sc::to_text(sc::task_tree());
  around.cancel("the test hangs");
}

}  // namespace

std::exception_ptr outcome_of(const std::function<sc::task<>()>& body) {
  try {
    sc::run(sc::run_options{.swallow = sc::swallow_policy::fail}, [&]() -> sc::task<> {
      co_await sc::open_nursery([&](sc::nursery& around) -> sc::task<> {
        around.start_soon([&] { return cancel_when_it_hangs(around); });
        co_await body();
        around.cancel("the test is over");
      });
    });
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

std::exception_ptr outcome_in_nursery(const std::function<sc::task<>(actor_nursery&)>& body) {
  return outcome_of([&]() -> sc::task<> { co_await tractor::open_nursery([&](actor_nursery& an) { return body(an); }); });
}

void run(const std::function<sc::task<>()>& body) {
  if (const auto error = outcome_of(body)) ADD_FAILURE() << "threw " << text_of(error);
}

void run_in_nursery(const std::function<sc::task<>(actor_nursery&)>& body) {
  if (const auto error = outcome_in_nursery(body)) ADD_FAILURE() << "threw " << text_of(error);
}

}  // namespace runtime_test
