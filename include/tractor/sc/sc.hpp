// SPDX-License-Identifier: Apache-2.0
//
// The whole of the kernel: structured concurrency within one thread.
//
//     int main() {
//       return sc::run([]() -> sc::task<int> {
//         co_await sc::open_nursery([](sc::nursery& n) -> sc::task<> {
//           n.start_soon(worker, 1);
//           n.start_soon(worker, 2);
//           co_return;
//         });
//         co_return 0;
//       });
//     }

#pragma once

#include "tractor/sc/broadcast.hpp"
#include "tractor/sc/buffered_reader.hpp"
#include "tractor/sc/byte_stream.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/cancelled.hpp"
#include "tractor/sc/capacity_limiter.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/clock.hpp"
#include "tractor/sc/condition.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/fan_out.hpp"
#include "tractor/sc/file.hpp"
#include "tractor/sc/finally.hpp"
#include "tractor/sc/from_thread.hpp"
#include "tractor/sc/generator.hpp"
#include "tractor/sc/guest.hpp"
#include "tractor/sc/instrument.hpp"
#include "tractor/sc/listener.hpp"
#include "tractor/sc/lock.hpp"
#include "tractor/sc/memory_channel.hpp"
#include "tractor/sc/memory_listener.hpp"
#include "tractor/sc/memory_stream.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/oneshot.hpp"
#include "tractor/sc/open_tcp_stream.hpp"
#include "tractor/sc/parking_lot.hpp"
#include "tractor/sc/pipe_stream.hpp"
#include "tractor/sc/process.hpp"
#include "tractor/sc/readiness.hpp"
#include "tractor/sc/resolve.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/sc/run_handle.hpp"
#include "tractor/sc/run_process.hpp"
#include "tractor/sc/semaphore.hpp"
#include "tractor/sc/serve.hpp"
#include "tractor/sc/signals.hpp"
#include "tractor/sc/socket_listener.hpp"
#include "tractor/sc/socket_stream.hpp"
#include "tractor/sc/stall_detector.hpp"
#include "tractor/sc/strong_lock.hpp"
#include "tractor/sc/task.hpp"
#include "tractor/sc/task_local.hpp"
#include "tractor/sc/task_tree.hpp"
#include "tractor/sc/to_thread.hpp"
#include "tractor/sc/too_long_error.hpp"
#include "tractor/sc/udp_socket.hpp"
