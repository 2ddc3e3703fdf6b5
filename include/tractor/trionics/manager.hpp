// SPDX-License-Identifier: Apache-2.0
//
// Managers: scopes that are entered by somebody else. What an asynchronous context manager is in Python.
//
// A scope whose entry and exit wait is here a function that takes its body: `open_x(arguments…, body)`. A manager is such a call with the
// body left out. It enters its resource, awaits `inside(value)` once, and leaves when that has ended:
//
//     trionics::manager<page> one = [](trionics::inside<page> inside) { return open_page("index.html", inside); };
//     trionics::manager<sc::cancel_scope> two = [](trionics::inside<sc::cancel_scope> inside) -> sc::task<> {
//       sc::cancel_scope scope;
//       co_await scope.run([&] { return inside(scope); });
//       co_await say_goodbye();
//     };
//
// `inside` stands for the body, whatever that is: it ends when the body has ended, and throws `cancelled` when the manager is to leave
// because something failed. The value stays where it is, in the manager's frame, and nobody uses it once `inside` has ended: when the
// manager itself cuts `inside` short, by a deadline of its own say, the body is cancelled and awaited first, out of reach of cancels.

#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>

#include "tractor/base/config.hpp"
#include "tractor/sc/task.hpp"

namespace tractor::trionics {

namespace detail {

// Who runs the body for a number of managers. NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): nobody owns one by this type
class TRACTOR_API inside_target {
 public:
  inside_target() noexcept = default;
  inside_target(const inside_target&) = delete;
  inside_target& operator=(const inside_target&) = delete;
  // Takes the value of manager `index`, and ends when that manager is to leave.
  [[nodiscard]] virtual sc::task<> enter(std::size_t index, void* value) = 0;

 protected:
  virtual ~inside_target();
};

}  // namespace detail

// What a manager awaits with its value. A handle, good for as long as the manager runs; the value must live until the await ends. Awaited
// twice it throws usage_error.
template <class T>
class inside {
 public:
  inside(detail::inside_target& target, std::size_t index) noexcept : target_(&target), index_(index) {}

  [[nodiscard]] sc::task<> operator()(T& value) const {
    return target_->enter(index_, const_cast<std::remove_const_t<T>*>(&value));  // handed back as a T
  }

 private:
  detail::inside_target* target_;
  std::size_t index_;
};

template <class T>
using manager = std::function<sc::task<>(inside<T>)>;

}  // namespace tractor::trionics
