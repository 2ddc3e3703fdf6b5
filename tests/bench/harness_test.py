#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The benchmark program and its floors from end to end, with few samples: whether they work, not how fast anything is."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.join(sys.argv.pop(1), "bench")
PROGRAM = os.path.join(BENCH, "tractor_bench")
TIME_MAX_S = 100

# One run of each mode, and the lines it must print.
FLOORS = [
    ("forkserver --mode one --n 5", ["forkserver.hello us", "forkserver.reap us", "forkserver.both us"]),
    ("forkserver --mode all --n 1", ["forkserver.wall us", "forkserver.reap200 us"]),
    ("forkserver --mode kill --n 5", ["forkserver.kill us"]),
    ("pingpong --mode uds --n 10", ["pingpong.uds.free us"]),
    ("pingpong --mode tcp --n 10", ["pingpong.tcp.free us"]),
    ("python_pipe --n 10", ["python_pipe.same_core us"]),
    ("oneway --mode each --n 1", ["oneway.small.each.free msg/s"]),
    ("oneway --mode batch --n 1", ["oneway.small.batch.free msg/s"]),
    ("oneway --mode bulk --n 1", ["oneway.64k.free MB/s"]),
    ("memory --n 5", ["memory.pss KiB", "memory.private_dirty KiB"]),
    (f"exec_hello --n 2 --exe {PROGRAM}", ["exec.hello us"]),
    ("kernel --n 1", ["kernel.await ns", "kernel.yield ns", "kernel.nursery.one ns", "kernel.nursery.hundred ns", "kernel.cancel.100k ns"]),
]


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=TIME_MAX_S)


class FloorTest(unittest.TestCase):
    def test_every_mode_prints_its_lines(self):
        for command, expected in FLOORS:
            with self.subTest(command):
                done = run(*os.path.join(BENCH, "floor", command).split())
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                lines = [line.split() for line in done.stdout.splitlines()]
                self.assertEqual([" ".join(words[:2]) for words in lines], expected)
                for _, _, median, p99, n, largest in lines:
                    self.assertGreater(float(median), 0)
                    self.assertLessEqual(float(p99), float(largest))
                    self.assertGreater(int(n), 0)

    def test_missing_program_fails_and_is_named(self):
        done = run(os.path.join(BENCH, "floor", "exec_hello"), "--exe", "/nonexistent/program")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nonexistent/program", done.stderr)

    def test_program_that_says_no_hello_fails(self):
        done = run(os.path.join(BENCH, "floor", "exec_hello"), "--exe", "/bin/true")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no hello", done.stderr)


class HarnessTest(unittest.TestCase):
    def test_rows_and_floors_are_measured_and_written(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "bench.json")
            done = run(PROGRAM, "libc.", "--quick", "--json", path)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            with open(path, encoding="utf-8") as file:
                written = json.load(file)
            self.assertEqual(os.listdir(folder), ["bench.json"])
        self.assertLessEqual({"cpu", "cores", "kernel", "compiler", "governor", "date"}, set(written["machine"]))
        rows = {row["id"]: row for row in written["rows"]}
        for row in rows.values():
            self.assertEqual(set(row), {"id", "unit", "median", "p99", "n", "floor_id", "floor_median", "ratio"})
        clock = rows["libc.clock_gettime"]
        self.assertEqual(clock["floor_id"], "syscall.clock_gettime")
        self.assertAlmostEqual(clock["ratio"], clock["median"] / clock["floor_median"], places=3)
        self.assertIn("floor.syscall.clock_gettime", rows)
        self.assertIn("libc.clock_gettime", done.stdout)

    def test_list_names_rows_and_floors(self):
        done = run(PROGRAM, "--list", "libc.clock*")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.split()[:3], ["libc.clock_gettime", "ns", "syscall.clock_gettime"])
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_filter_that_matches_nothing_is_a_usage_error(self):
        done = run(PROGRAM, "no.such.row")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row matches", done.stderr)

    def test_json_that_cannot_be_written_is_an_error(self):
        done = run(PROGRAM, "libc.clock", "--quick", "--json", "/nonexistent/bench.json")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/bench.json", done.stderr)

    def test_hello_is_the_first_thing_the_program_says(self):
        reader, writer = os.pipe()
        with subprocess.Popen([PROGRAM, "--hello-fd", str(writer)], pass_fds=[writer]) as process:
            os.close(writer)
            self.assertEqual(os.read(reader, 10), b"h")
            self.assertEqual(process.wait(TIME_MAX_S), 0)
        os.close(reader)


if __name__ == "__main__":
    unittest.main()
