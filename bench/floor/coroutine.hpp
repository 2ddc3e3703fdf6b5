// SPDX-License-Identifier: Apache-2.0
//
// The least a coroutine task can be: pooled frames, symmetric transfer, a queue of handles, a counter to join by. No
// cancellation, no task tree; an exception ends a task without a word.
#pragma once

#include "floor.hpp"

#include <coroutine>
#include <new>
#include <utility>

namespace raw {

inline constexpr std::size_t frame_bytes_max = 256;

inline void* free_frames = nullptr;  // singly linked through their first word

inline void* pooled() {
  if (free_frames == nullptr) return ::operator new(frame_bytes_max);
  return std::exchange(free_frames, *static_cast<void**>(free_frames));
}

// A ring: the handles queued at one time must be fewer than its places.
struct queue {
  std::vector<std::coroutine_handle<>> ring = std::vector<std::coroutine_handle<>>(1 << 17);
  std::size_t head = 0, tail = 0;
  void push(std::coroutine_handle<> h) { ring[tail++ & (ring.size() - 1)] = h; }
  void run() {
    while (head != tail) ring[head++ & (ring.size() - 1)].resume();
  }
};

inline queue ready;

struct cancelled {};

// What a nursery waits on: resumes its waiter when the last of `running` children has ended.
struct joiner {
  std::size_t running = 0;
  std::coroutine_handle<> waiting;
  bool await_ready() const { return running == 0; }
  void await_suspend(std::coroutine_handle<> h) { waiting = h; }
  void await_resume() const {}
};

// Lazy. Awaited by a coroutine, or resumed from the queue with a joiner set, and then its frame goes when it ends.
struct [[nodiscard]] task {
  struct promise_type {
    std::coroutine_handle<> awaiting;
    joiner* nursery = nullptr;
    int value = 0;
    static void* operator new(std::size_t size, std::align_val_t) { return size <= frame_bytes_max ? pooled() : throw std::bad_alloc(); }
    static void operator delete(void* frame) { *static_cast<void**>(frame) = std::exchange(free_frames, frame); }
    task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct leave {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
          promise_type& p = h.promise();
          if (p.nursery == nullptr) return p.awaiting ? p.awaiting : std::noop_coroutine();
          joiner& j = *p.nursery;
          h.destroy();
          return --j.running == 0 && j.waiting ? j.waiting : std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return leave{};
    }
    void return_value(int v) { value = v; }
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> handle;
  bool await_ready() const { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) { return handle.promise().awaiting = h, handle; }
  int await_resume() { return std::exchange(handle, nullptr).promise().value; }
};

// Destroys the frame of an awaited task.
struct owned : task {
  explicit owned(task t) : task(t), frame(t.handle) {}
  ~owned() { frame.destroy(); }
  std::coroutine_handle<> frame;
};

struct yield : std::suspend_always {
  void await_suspend(std::coroutine_handle<> h) const { ready.push(h); }
};

struct forever : std::suspend_always {
  void await_resume() const { throw cancelled{}; }
};

}  // namespace raw
