// SPDX-License-Identifier: Apache-2.0
//
// The floors a row can be held against: which program of bench/floor/, how it is run, and which of its lines counts.
// docs/benchmarks.md says what each of them does.
#pragma once

#include "row.hpp"

namespace bench::floors {

// Starting and ending actors.
inline constexpr floor_spec forkserver_hello{"forkserver", "--mode one --n {n} --cpu {cpu}", "forkserver.hello", 200};
inline constexpr floor_spec forkserver_reap{"forkserver", "--mode one --n {n} --cpu {cpu}", "forkserver.reap", 200};
inline constexpr floor_spec forkserver_tree200{"forkserver", "--mode one --n {n} --cpu {cpu}", "forkserver.both", 200, 200};
inline constexpr floor_spec forkserver_reap200{"forkserver", "--mode all --n {n} --cpu {cpu}", "forkserver.reap200", 3};
inline constexpr floor_spec forkserver_kill{"forkserver", "--mode kill --n {n} --cpu {cpu}", "forkserver.kill", 100};
inline constexpr floor_spec exec_hello{"exec_hello", "--exe {exe} --n {n} --cpu {cpu}", "exec.hello", 50};

// Round trips: portal.run, contexts and stream ping-pong.
inline constexpr floor_spec pingpong_uds_same_core{"pingpong", "--mode uds --n {n} --cpu {cpu} --cpu2 {cpu}", "pingpong.uds.same_core",
                                                   5000};
inline constexpr floor_spec pingpong_uds_two_cores{"pingpong", "--mode uds --n {n} --cpu {cpu} --cpu2 {cpu2}", "pingpong.uds.two_cores",
                                                   2000};
inline constexpr floor_spec pingpong_tcp_same_core{"pingpong", "--mode tcp --n {n} --cpu {cpu} --cpu2 {cpu}", "pingpong.tcp.same_core",
                                                   5000};
inline constexpr floor_spec pingpong_tcp_two_cores{"pingpong", "--mode tcp --n {n} --cpu {cpu} --cpu2 {cpu2}", "pingpong.tcp.two_cores",
                                                   2000};

// A peer that does less: bytes through a pipe of Python's, and no call.
inline constexpr floor_spec python_pipe{"python_pipe", "--n {n} --cpu {cpu}", "python_pipe.same_core", 5000};

// A connection for one exchange.
inline constexpr floor_spec connect_uds_same_core{"connect", "--n {n} --cpu {cpu} --cpu2 {cpu}", "connect.uds.same_core", 3000};

// One-way streams; a row in MB/s or msg/s.
inline constexpr floor_spec small_each_same_core{"oneway", "--mode each --n {n} --cpu {cpu} --cpu2 {cpu}", "oneway.small.each.same_core",
                                                 5};
inline constexpr floor_spec small_each_two_cores{"oneway", "--mode each --n {n} --cpu {cpu} --cpu2 {cpu2}", "oneway.small.each.two_cores",
                                                 5};
inline constexpr floor_spec small_batch_same_core{"oneway", "--mode batch --n {n} --cpu {cpu} --cpu2 {cpu}", "oneway.small.batch.same_core",
                                                  5};
inline constexpr floor_spec small_batch_two_cores{"oneway", "--mode batch --n {n} --cpu {cpu} --cpu2 {cpu2}",
                                                  "oneway.small.batch.two_cores", 5};
inline constexpr floor_spec bulk_same_core{"oneway", "--mode bulk --n {n} --cpu {cpu} --cpu2 {cpu}", "oneway.64k.same_core", 5};
inline constexpr floor_spec bulk_two_cores{"oneway", "--mode bulk --n {n} --cpu {cpu} --cpu2 {cpu2}", "oneway.64k.two_cores", 5};

// Memory of 200 idle children, KiB each.
inline constexpr floor_spec memory_pss{"memory", "--n {n} --cpu {cpu}", "memory.pss", 200};
inline constexpr floor_spec memory_private_dirty{"memory", "--n {n} --cpu {cpu}", "memory.private_dirty", 200};

// The kernel, ns an operation; of the nursery of a hundred and the cancel of 100,000, ns a task.
inline constexpr floor_spec kernel_await{"kernel", "--mode await --n {n} --cpu {cpu}", "kernel.await", 50};
inline constexpr floor_spec kernel_yield{"kernel", "--mode yield --n {n} --cpu {cpu}", "kernel.yield", 50};
inline constexpr floor_spec kernel_two_yields{"kernel", "--mode yield --n {n} --cpu {cpu}", "kernel.yield", 50, 2};
inline constexpr floor_spec kernel_nursery1{"kernel", "--mode nursery.one --n {n} --cpu {cpu}", "kernel.nursery.one", 50};
inline constexpr floor_spec kernel_nursery100{"kernel", "--mode nursery.hundred --n {n} --cpu {cpu}", "kernel.nursery.hundred", 50};
inline constexpr floor_spec kernel_cancel100k{"kernel", "--mode cancel.100k --n {n} --cpu {cpu}", "kernel.cancel.100k", 3};

// Single calls, ns.
inline constexpr floor_spec clock_gettime{"syscalls", "--n {n} --cpu {cpu}", "syscall.clock_gettime", 20};
inline constexpr floor_spec empty_syscall{"syscalls", "--n {n} --cpu {cpu}", "syscall.empty", 20};

}  // namespace bench::floors
