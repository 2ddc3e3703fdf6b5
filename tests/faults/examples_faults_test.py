#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example programs with a fault in one system call of one of their processes: real sockets, real processes, real kills.

    examples_faults_test.py BUILD_DIR [--whole] [--seed N] [--jobs N] [--only EXAMPLE] [--point 'METHOD PROCESS OPERATION NUMBER FAULT']

Each example runs undisturbed first, with preload.cpp counting the reads, writes, accepts, connects, forks, waits and timers of each of its
processes. Then it runs once for each of these calls and each fault that call can have, or, without --whole, for a sample of them drawn by
the seed. (Not beast_http_get, which starts no actors: its calls are Asio's; nor greeter, two programs that tests/cli kills one after the
other.) After each run:

- it has ended by itself, and nothing is left of it: no process, not even a zombie, and no file in the directory for its sockets. Where a
  process was killed what it had started may take its time to die; when it was the root, its files stay. An executed actor that was killed
  may have started others that it had not told of yet: nobody is left who knows of them, and their socket files are the reaper's;
- a fault that loses nothing changes nothing of what it prints and how it ends;
- after any other it has either ended as ever or failed with an error that says something else; no assertion did, and nobody crashed.

A test fails when an operation was hit nowhere, or when too few of the planned faults came about. TRACTOR_FAULTS_SEED is the default of
--seed.
"""

import argparse
import collections
import concurrent.futures
import ctypes
import os
import pathlib
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.fspath(pathlib.Path(__file__).resolve().parent.parent / "examples"))
from example_tools import adopt_orphans, children, send, state, title  # noqa: E402

OPERATIONS = ("read", "write", "accept", "connect", "fork", "wait", "timer")
PROCESSES_MAX = 64
COUNTS_BYTES = 4 * (2 + PROCESSES_MAX * len(OPERATIONS))
# What each call can have, and whether the program can go on as if nothing had been.
FAULTS = {
    "read": {"interrupt": True, "delay": True, "reset": False, "die": False},
    "write": {"interrupt": True, "shorten": True, "delay": True, "reset": False, "die": False},
    "accept": {"interrupt": True, "delay": True, "gone": True, "exhaust": True, "reset": False, "die": False},
    "connect": {"interrupt": True, "delay": True, "exhaust": False, "refuse": False, "gone": False, "die": False},
    "fork": {"delay": True, "exhaust": False, "gone": False, "die": False},
    "wait": {"interrupt": True, "delay": True, "die": False},
    "timer": {"interrupt": True, "early": True, "delay": True, "die": False},
}
TEXTS = "texts"  # a folder that is made for each run
EXAMPLES = (("causality",), ("daemon",), ("bidirectional_streaming",), ("nested_tree",), ("remote_error_propagation",),
            ("we_are_processes",), ("we_are_processes", "--overlapped"), ("worker_pool",), ("wordcount", TEXTS, "--workers", "2"),
            ("wordcount", TEXTS, "--workers", "2", "--restart"), ("visitors", "unix"), ("visitors", "tcp"))
# Those whose actors print, or end, in any order.
UNORDERED = ("remote_error_propagation", "we_are_processes", "worker_pool")
# What an example prints when it loses an actor, and still ends well: that is what it tells then.
TOLD = {("daemon",): ("frank was cancelled: acknowledged", "frank was cancelled: not acknowledged")}
METHODS = ("forkserver", "exec")
RUN_TIMEOUT_S = 30
KILLED_GRACE_S = 10
SAMPLE_POINTS = 1200
UNDISTURBED_RUNS = 3
HIT_SHARE_MIN = 0.8  # of what was planned: how often a process reads depends on when it looks, and not every wait can be interrupted
PR_SET_PDEATHSIG = 1

Point = collections.namedtuple("Point", "example method process operation number fault")
Ended = collections.namedtuple("Ended", "status out err wrong hits counts")
Usual = collections.namedtuple("Usual", "status out err")


def normal(example, text):
    """What two undisturbed runs have in common: no pids, times and addresses."""
    text = re.sub(r"pid \d+", "pid N", text.decode(errors="replace"))
    text = re.sub(r"\d+ us\b", "N us", text)
    text = re.sub(r"took \d+\.\d+ s", "took N s", text)
    text = re.sub(r"\+?0x[0-9a-f]+", "0xN", text)
    text = re.sub(r"@[0-9a-f]{6}\b", "@UUID", text)
    text = re.sub(r"_cid=[0-9a-f-]{36}", "_cid=UUID", text)
    return "\n".join(sorted(text.splitlines())) if example[0] in UNORDERED else text


def run(build, example, method, point=None):
    program = build / "examples" / example[0]
    if not program.exists():
        program = build / "tests" / "faults" / example[0]
    preload = build / "tests" / "faults" / "libpreload.so"
    with tempfile.TemporaryDirectory(prefix="tractor-faults-") as folder:
        counts = pathlib.Path(folder, "counts")
        counts.write_bytes(bytes(COUNTS_BYTES))
        runtime = pathlib.Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        texts = pathlib.Path(folder, TEXTS)
        texts.mkdir()
        for name in ("one", "two", "three"):
            (texts / name).write_text(f"{name} and {name}\n" * 100)
        environment = {**os.environ, "TRACTOR_SPAWN_METHOD": method, "XDG_RUNTIME_DIR": os.fspath(runtime),
                       "LD_PRELOAD": os.fspath(preload), "TRACTOR_FAULTS_FILE": os.fspath(counts)}
        if point:
            environment["TRACTOR_FAULTS_PLAN"] = f"{point.process} {point.operation} {point.number} {point.fault}"
        out, err = pathlib.Path(folder, "out"), pathlib.Path(folder, "err")  # not pipes: what is left behind does not hold us up
        wrong = []
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen([program, *example[1:]], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=to_out,
                                       stderr=to_err, start_new_session=True)
        ended = os.pidfd_open(process.pid)  # Popen.wait looks now and then, and would give what is left time to go
        if not select.select([ended], [], [], RUN_TIMEOUT_S)[0]:
            wrong.append(f"it had not ended after {RUN_TIMEOUT_S} s")
            process.kill()
        root_killed = point is not None and point.fault == "die" and point.process == 0
        wrong += left_processes(process.pid, KILLED_GRACE_S if point and point.fault == "die" else None)
        os.close(ended)
        status = process.wait()
        words = struct.unpack(f"{COUNTS_BYTES // 4}I", counts.read_bytes())
        per_process = [words[2 + i * len(OPERATIONS):][:len(OPERATIONS)] for i in range(min(words[0], PROCESSES_MAX))]
        # A process that is killed cannot clean up; its parent does, when that has not been killed.
        if not root_killed:
            files = [path for path in sorted(runtime.rglob("*")) if not path.is_dir()]
            if point and point.fault == "die" and method == "exec":
                files = [path for path in files if not is_of_dead(path)]
            wrong += [f"left behind: {path.relative_to(runtime)}" for path in files]
        return Ended(status, out.read_bytes(), err.read_bytes(), wrong, words[1], per_process)


def is_of_dead(path):
    """A socket file NAME@PID.sock of a process that is gone."""
    named = re.fullmatch(r".*@(\d+)\.sock", path.name)
    return bool(named) and state(int(named[1])) in "ZX"


def left_processes(root, grace_s):
    """What there is when the root has ended, zombies too; or, with a time of grace, what still lives after that. It is ended."""
    deadline = time.monotonic() + (grace_s or 0)
    while True:
        left = [pid for pid in children() if pid != root]
        if grace_s is not None:
            left = [pid for pid in left if state(pid) not in "ZX"]
        if not left or time.monotonic() >= deadline:
            break
        time.sleep(0.002)
    wrong = [f"left behind: pid {pid}, state {state(pid)}: {title(pid)}" for pid in left]
    while others := [pid for pid in children() if pid != root]:
        for pid in others:
            send(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return wrong


def judge(point, ended, usual):
    wrong = list(ended.wrong)
    if re.search(rb"broken invariant|[Aa]ssertion|Sanitizer|terminate called", ended.err):
        wrong.append("an assertion failed")
    if re.search(rb"killed by SIG(SEGV|ABRT|BUS|ILL|FPE|SYS)", ended.err):
        wrong.append("an actor crashed")

    out, err = normal(point.example, ended.out), normal(point.example, ended.err)
    usual_out, usual_err = normal(point.example, usual.out), normal(point.example, usual.err)
    if not ended.hits or FAULTS[point.operation][point.fault]:
        if (ended.status, out, err) != (usual.status, usual_out, usual_err):
            wrong.append("nothing was lost, and it ended otherwise" if ended.hits else "nothing happened to it, and it ended otherwise")
    elif point.fault == "die" and point.process == 0:
        if ended.status != -signal.SIGKILL:
            wrong.append(f"the root was killed, and its status is {ended.status}")
    elif ended.status < 0:
        wrong.append(f"it ended by signal {-ended.status}")
    elif (ended.status, out) in ((usual.status, usual_out), (0, usual_out.replace(*TOLD.get(point.example, ("", ""))))):
        pass  # nothing needed what was lost, or it was replaced
    elif ended.status == 0:
        wrong.append("it says that all is well, and printed something else")
    elif err in ("", usual_err):
        wrong.append("it failed without a word of why")
    return wrong


def try_point(build, point, usual):
    ended = run(build, point.example, point.method, point)
    return point, ended, judge(point, ended, usual)


def show(point, ended, wrong):
    print(f"FAILED: --only '{' '.join(point.example)}' "
          f"--point '{point.method} {point.process} {point.operation} {point.number} {point.fault}'")
    for line in wrong:
        print(f"  {line}")
    print(f"  status {ended.status}\n  stdout {ended.out!r}\n  stderr {ended.err.decode(errors='replace')}", flush=True)


def prepare_worker():
    """Of the pool: does not outlive this process, and sees what a program leaves."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    adopt_orphans()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TRACTOR_FAULTS_SEED", "1")))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only")
    parser.add_argument("--point")
    options = parser.parse_args()
    build = options.build.resolve()
    examples = [each for each in EXAMPLES if options.only in (None, " ".join(each))]
    if not examples or (options.point and not options.only):
        parser.error("--only is one of: " + ", ".join(repr(" ".join(each)) for each in EXAMPLES) + "; --point needs it")
    adopt_orphans()

    usual, counts = {}, {}
    for example in examples:
        for method in METHODS:
            runs = [run(build, example, method) for _ in range(UNDISTURBED_RUNS)]
            for each in runs:
                if wrong := judge(Point(example, method, 0, "read", 0, "delay"), each, runs[0]):
                    sys.exit(f"{example} under {method} does not end the same way each time: {wrong}, {runs}")
            usual[example, method] = Usual(runs[0].status, runs[0].out, runs[0].err)
            counts[example, method] = max((each.counts for each in runs), key=lambda count: sum(map(sum, count)))

    points = [Point(example, method, process, operation, number, fault)
              for (example, method), by_process in counts.items()
              for process, by_operation in enumerate(by_process)
              for operation, count in zip(OPERATIONS, by_operation)
              for number in range(1, count + 1)
              for fault in FAULTS[operation]]
    in_all = len(points)
    if options.point:
        method, process, operation, number, fault = options.point.split()
        points = [Point(example, method, int(process), operation, int(number), fault) for example in examples]
    elif not options.whole:
        points = random.Random(options.seed).sample(points, min(SAMPLE_POINTS, in_all))

    failures, hits, tried = 0, collections.Counter(), collections.Counter()
    with concurrent.futures.ProcessPoolExecutor(options.jobs, initializer=prepare_worker) as pool:
        futures = [pool.submit(try_point, build, point, usual[point.example, point.method]) for point in points]
        for future in concurrent.futures.as_completed(futures):
            point, ended, wrong = future.result()
            tried[" ".join(point.example)] += 1
            hits[point.operation] += ended.hits
            if wrong:
                failures += 1
                show(point, ended, wrong)
            elif options.point:
                print(f"status {ended.status}, {ended.hits} hit\n{ended.out.decode()}\n{ended.err.decode(errors='replace')}")

    for name, count in sorted(tried.items()):
        print(f"{name}: {count} points")
    print("hit: " + ", ".join(f"{operation} {hits[operation]}" for operation in OPERATIONS))
    print(f"{len(points)} of {in_all} points (seed {options.seed}), {sum(hits.values())} came about, {failures} failed")
    if options.point and not sum(hits.values()):
        failures += 1
        print("FAILED: this point did not come about")
    elif not (options.point or options.only):
        for operation in OPERATIONS:
            if not hits[operation]:
                failures += 1
                print(f"FAILED: no {operation} was hit")
        if sum(hits.values()) < HIT_SHARE_MIN * len(points):
            failures += 1
            print("FAILED: too few of the planned calls came about")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
