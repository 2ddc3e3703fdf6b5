#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The small example programs: what they print, how they end, and that nothing of them is left. The others are run by wordcount_test.py
and, beside each other, by tests/cli.

    examples_test.py BUILD_DIR
"""

import argparse
import os
import pathlib
import re

from example_tools import Checks, Program, adopt_orphans

PRIMES = {112272535095293: True, 112582705942171: True, 115280095190773: True, 115797848077099: True, 1099726899285419: False}


# S-TST-9
def check_example(checks, program, *arguments, status=0, out=None, err=rb"", environment=()):
    """Runs it under both start methods."""
    for method in ("forkserver", "exec"):
        text = f"{program.name} {' '.join(arguments)} ({method})"
        with Program(program, *arguments, env={**os.environ, "TRACTOR_SPAWN_METHOD": method, **dict(environment)}) as running:
            checks.equal(running.wait(), status, f"{text}: exit status", running.err)
        checks.clean(running, text)
        if callable(out):
            out(running.out, text)
        else:
            checks.that(re.fullmatch(out, running.out), f"{text}: stdout", running.out)
        checks.that(re.fullmatch(err, running.err), f"{text}: stderr", running.err)


# S-LZY-4: starts that overlap.
def check_processes(checks, programs):
    cores = len(os.sched_getaffinity(0))

    def printed(overlapped):
        def look(out, text):
            lines = out.decode().splitlines()
            how = "overlapped" if overlapped else "one after another"
            checks.that(re.fullmatch(rf"root: pid \d+, starting {cores} actors {how}", lines[0]), f"{text}: what is started", out)
            actors = [re.fullmatch(r"actor_(\d+): pid (\d+), started in \d+ us", line) for line in lines[1:-1]]
            checks.that(all(actors), f"{text}: each says who it is and how long it took", out)
            checks.equal(sorted(int(actor[1]) for actor in actors if actor), list(range(cores)), f"{text}: one a core", out)
            checks.equal(len({actor[2] for actor in actors if actor}), cores, f"{text}: each is a process", out)
            checks.equal(lines[-1], "Zombies contained", f"{text}: the last line", out)
        return look

    place = rb"(?:in we_are_processes\+0x[0-9a-f]+|at \S*we_are_processes.cpp:\d+)\n"
    crashed = (
        rb"  thrown in crash_with_a_fleet::\{lambda\}::\{lambda\} " + place
        + b"".join(rb"  in crash_with_a_fleet%b at \S*we_are_processes.cpp:\d+\n" % within
                   for within in (rb"::\{lambda\}::\{lambda\}", rb"::\{lambda\}", b""))
        + rb"RuntimeError: self-destructed: the root crashed on purpose\n"
    )
    check_example(checks, programs / "we_are_processes", status=1, out=printed(False), err=crashed)
    check_example(checks, programs / "we_are_processes", "--overlapped", status=1, out=printed(True), err=crashed)


def check_primes(checks, programs):
    def look(out, text):
        lines = out.decode().splitlines()
        found = [re.fullmatch(r"(\d+) is (not )?prime", line) for line in lines[:-1]]
        checks.that(all(found) and len(found) == 6, f"{text}: six answers", out)
        checks.equal({int(row[1]): row[2] is None for row in found if row}, PRIMES, f"{text}: the right answers")
        checks.that(re.fullmatch(r"took \d+\.\d\d s", lines[-1]), f"{text}: the last line", out)
    check_example(checks, programs / "worker_pool", out=look)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    programs = parser.parse_args().build / "examples"
    adopt_orphans()
    checks = Checks()
    check_example(checks, programs / "causality", out=rb"Hello from some_linguist: Dang that's beautiful\nthe actor is gone\n")
    check_example(checks, programs / "daemon",
          out=rb"have you ever been in a theatre\? asked 1 time\(s\)\nhave you ever been in a theatre\? asked 2 time\(s\)\n"
              rb"frank was cancelled: acknowledged\nthe root itself served 0 calls\n")
    check_example(checks, programs / "bidirectional_streaming",
          out=b"echoer is ready\n" + b"".join(b"ping %d, pong %d\n" % (i, i) for i in range(10)) + b"10 pings were answered\n")
    check_example(checks, programs / "nested_tree", out=rb"leaf_0: 1\nleaf_1: 4\nleaf_0: 9\nleaf_1: 16\n")
    check_example(checks, programs / "remote_error_propagation",
          out=rb"idle_0 is idle\nidle_1 is idle\nidle_2 is idle\nall four are gone; a ValueError came from 'extra':\n"
              rb"the task in actor 'extra' raised 'ValueError': this function always fails\n(.*\n)*")
    if (programs / "beast_http_get").exists():  # built where there is Boost
        check_example(checks, programs / "beast_http_get", out=rb"200 OK\nthis is /greeting\n/never: not within 50 ms\n")
    check_processes(checks, programs)
    check_primes(checks, programs)
    checks.finish()


main()
