// SPDX-License-Identifier: Apache-2.0
//
// What is left when memory runs out: an operation that throws std::bad_alloc has done nothing, and to wake a task needs no memory.

#include <cstdlib>
#include <memory>
#include <new>

#include "tests/sc/sc_test.hpp"
#include "tractor/sc/detail/ready_queue.hpp"
#include "tractor/tractor.hpp"

// A sanitizer has an allocator of its own, whose checks would be lost.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TRACTOR_TEST_OTHER_ALLOCATOR
#endif
#endif

namespace {

constexpr std::size_t no_bound = ~std::size_t{0};
thread_local constinit std::size_t bytes_at_once_max = no_bound;

// No allocation of more than `bytes` succeeds in this thread until it is destroyed.
class allocation_bound {
 public:
  explicit allocation_bound(std::size_t bytes) noexcept { bytes_at_once_max = bytes; }
  allocation_bound(const allocation_bound&) = delete;
  allocation_bound& operator=(const allocation_bound&) = delete;
  ~allocation_bound() { bytes_at_once_max = no_bound; }
};

}  // namespace

#ifndef TRACTOR_TEST_OTHER_ALLOCATOR
void* operator new(std::size_t bytes) {
  if (bytes <= bytes_at_once_max)
    if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace {

using namespace sc_test;

TEST(ready_queue, that_grows_while_it_is_in_use_keeps_its_order) {
  sc::detail::ready_queue queue;
  std::vector<std::unique_ptr<sc::detail::task_record>> records;
  std::size_t pushed = 0, popped = 0;
  const auto push = [&](std::size_t count) {
    for (; count > 0; --count) {
      records.push_back(std::make_unique<sc::detail::task_record>());
      queue.reserve(records.size());
      queue.push(records[pushed++].get());
    }
  };
  const auto pop = [&](std::size_t count) {
    for (; count > 0; --count) EXPECT_EQ(queue.pop(), records[popped++].get());
  };
  push(20);
  pop(13);
  push(100);  // grows while its front is in the middle, and while it is not full
  EXPECT_EQ(queue.size(), 107u);
  pop(50);
  push(300);
  pop(queue.size());
  EXPECT_TRUE(queue.empty());
}

#ifndef TRACTOR_TEST_OTHER_ALLOCATOR

// Each task waits before the next one is started, so that a queue which makes room only for who stands in it has never had more than one.
TRACTOR_TEST(out_of_memory, tasks_are_woken_without_any_memory) {
  constexpr int tasks = 1000;
  int ended = 0;
  sc::event go;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (int i = 0; i < tasks; ++i) {
      n.start_soon([&]() -> task<> {
        co_await go.wait();
        ++ended;
      });
      co_await settle();
    }
    const allocation_bound bound(0);
    go.set();  // all at once
    while (ended != tasks) co_await sc::cancel_shielded_checkpoint();
  });
}

TRACTOR_TEST(out_of_memory, task_for_which_the_queue_has_no_room_is_not_started) {
  constexpr std::size_t before = 30, tasks_max = 10'000;
  const auto waiter = [](sc::event& go) -> task<> { co_await go.wait(); };
  std::size_t started = 0;
  bool refused = false;
  sc::event go;
  co_await sc::open_nursery([&](nursery& n) -> task<> {
    for (; started < before; ++started) n.start_soon(waiter, std::ref(go));
    {
      // The first growth of the queue, beyond its 32 places inside, is to 64.
      const allocation_bound bound(64 * sizeof(void*) - 1);
      try {
        for (; started < tasks_max; ++started) n.start_soon(waiter, std::ref(go));
      } catch (const std::bad_alloc&) {
        refused = true;
      }
    }
    EXPECT_EQ(n.task_count(), started);
    for (int i = 0; i < 100; ++i) n.start_soon(waiter, std::ref(go));  // with memory, it goes on
    co_await settle();
    go.set();
  });
  EXPECT_TRUE(refused);
  EXPECT_LE(started, 32u);
}

TRACTOR_TEST(out_of_memory, scope_whose_deadline_cannot_be_armed_is_not_entered) {
  // The heap of deadlines grows as they are armed: one of these has no room.
  constexpr int nested_max = 5000;
  int refused = 0;
  const std::function<task<>(int)> nest = [&](int depth) -> task<> {
    if (depth == nested_max) co_return;
    sc::cancel_scope scope({.relative_deadline = 1h});
    try {
      const allocation_bound bound(1000);
      co_await scope.run([&] {
        bytes_at_once_max = no_bound;  // the scope is entered
        return nest(depth + 1);
      });
    } catch (const std::bad_alloc&) {
      ++refused;
      EXPECT_EQ(sc::current_effective_deadline(), depth == 0 ? sc::never : sc::current_time() + 1h);
    }
    // Not the scope that was refused is the task's, but the one around it.
    co_await sc::checkpoint();
  };
  co_await nest(0);
  EXPECT_EQ(refused, 1);
}

// S-OOB-8: whoever connects with more than there is memory for is turned away, and the actor serves the next one.
TRACTOR_TEST(out_of_memory, stranger_for_whom_there_is_none_costs_its_connection_only) {
  const auto say = [](tractor::ipc::channel& to, std::string name) {
    to.send([&](tractor::msg::buffer& out) { tractor::msg::encode_aid(out, {.name = std::move(name), .uuid = "of a stranger"}); });
  };
  const auto visit = [&]() -> task<> {
    const auto address = tractor::accept_addresses().at(0);
    tractor::ipc::channel greedy(co_await tractor::ipc::connect(address));
    bool greeted = false, hung_up = false;
    say(greedy, std::string(12'000, 'x'));
    {
      const allocation_bound bound(10'000);
      greeted = (co_await greedy.receive()).has_value();
      try {
        hung_up = !(co_await greedy.receive()).has_value();
      } catch (const tractor::transport_closed&) {
        hung_up = true;
      }
    }
    EXPECT_TRUE(greeted);
    EXPECT_TRUE(hung_up);

    tractor::ipc::channel modest(co_await tractor::ipc::connect(address));
    say(modest, "x");
    EXPECT_TRUE((co_await modest.receive()).has_value());
    for (int i = 0; i < 1000 && tractor::current_actor().peer_count() == 0; ++i) co_await settle();
    EXPECT_EQ(tractor::current_actor().peer_count(), 1u);
    modest.close("seen");
  };
  co_await tractor::open_root_actor(visit, {.bind_addrs = {tractor::ipc::tcp_address{"127.0.0.1", 0}},
                                            .handle_signals = false,
                                            .registry_addrs = std::vector<tractor::ipc::address>(),
                                            .control_socket = false});
}

#endif

}  // namespace
