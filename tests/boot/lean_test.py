#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The boot of an actor stays lean: what it maps, runs and costs up to the answer of its first call is within budget.txt.

    lean_test.py BUILD_DIR

In the programs (first_call.cpp) a root starts one actor and calls it. What it has mapped, its threads and its page faults the actor tells
itself; its system calls are counted by strace, in runs of their own, so that nothing is counted that only the counting does. Where the
system permits no ptrace they are not counted, and the test says why.
"""

import collections
import fnmatch
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, os.fspath(HERE.parent / "examples"))
from example_tools import Program, adopt_orphans  # noqa: E402

BUDGET_FILE = HERE / "budget.txt"
PROGRAMS = pathlib.Path(sys.argv.pop(1)).resolve() / "tests" / "boot"
LEAN, UNTIDY = PROGRAMS / "first_call", PROGRAMS / "untidy_first_call"
READELF = shutil.which("readelf") or "llvm-readelf-19"
TREES = 3  # of which the median counts, where the number varies
METHODS = ("forkserver", "exec")
LISTED_MAX = 12  # mappings that are printed with page faults
COLUMNS = 120    # of a system call that is printed
# As first_call.cpp has them.
MAIN_HAS_BEGUN = "prctl(0x6d61696e"
FIRST_CALL_IS_HERE = "prctl(0x66697273"
UNTIDY_CALLS, UNTIDY_KB = 60, 400 * 4  # of getppid; in one mapping

HELD = {"mapped", "threads", "initialisers", "forkserver.system_calls", "forkserver.page_faults", "exec.system_calls_before_main",
        "exec.system_calls", "exec.page_faults"}

Boot = collections.namedtuple("Boot", "pid page_faults threads mappings")
Mapping = collections.namedtuple("Mapping", "name resident_kb own_kb")


def read_budget():
    budget = {}
    for line in BUDGET_FILE.read_text(encoding="utf-8").splitlines():
        words = line.split("#")[0].split()
        if words:
            if words[0] in budget or len(words) < 2:
                sys.exit(f"{BUDGET_FILE}: {words[0]} stands there twice, or without a value")
            budget[words[0]] = words[1:]
    if set(budget) != HELD:
        sys.exit(f"{BUDGET_FILE}: {sorted(set(budget) ^ HELD)} is missing, or is nothing that is held")
    return budget


BUDGET = read_budget()


def limit(name):
    return int(BUDGET[name][0])


# --- running ---

def run(program, method, folder, before=()):
    """What the program prints. In an environment that holds nothing but what it needs: a default tree, whatever the caller's is."""
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": folder, "TMPDIR": folder}
    with Program(*before, program, method, env=environment) as running:
        status = running.wait()
    if status != 0 or running.err or running.left:
        raise AssertionError(f"{program} {method}: status {status}, left {running.left}\n{running.err.decode(errors='replace')}")
    return running.out.decode()


def boot(program, method):
    with tempfile.TemporaryDirectory(prefix="tractor-boot-") as folder:
        lines = run(program, method, folder).splitlines()
        left = [path for path in pathlib.Path(folder).rglob("*") if not path.is_dir()]
    if left:
        raise AssertionError(f"{program} {method} left {left}")
    facts, mappings = collections.defaultdict(list), []
    for line in lines:
        words = line.split(maxsplit=5)
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            mappings.append([words[5] if len(words) > 5 else "", 0, 0])
        elif mappings and words[0] == "Rss:":
            mappings[-1][1] = int(words[1])
        elif mappings and words[0] in ("Private_Dirty:", "Private_Clean:"):
            mappings[-1][2] += int(words[1])
        elif not mappings:
            facts[words[0]].append(line.split(maxsplit=1)[1])
    return Boot(int(facts["pid"][0]), int(facts["page_faults"][0]), facts["thread"], [Mapping(*each) for each in mappings])


def why_no_ptrace():
    """None where strace works; what it says where the system forbids it to look. Anything else that fails is an error."""
    tried = subprocess.run(["strace", "-f", "-qq", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return None
    if re.search(r"ptrace.*: (Operation not permitted|Function not implemented)", tried.stderr, re.IGNORECASE):
        return tried.stderr.splitlines()[0]
    raise AssertionError(f"strace does not work: {tried.stderr}")


def system_calls(program, method):
    """The calls of the actor, in order, one text each: those before main (of a forked actor none), and those from there to the answer."""
    with tempfile.TemporaryDirectory(prefix="tractor-boot-") as folder:
        trace = pathlib.Path(folder, "trace")
        out = run(program, method, folder, before=("strace", "-f", "-qq", "-e", "signal=none", "-o", os.fspath(trace)))
        text = trace.read_text(errors="replace")
    pid, calls = re.match(r"pid (\d+)", out)[1], []
    for line in text.splitlines():
        owner, rest = line.split(maxsplit=1)
        if owner != pid or rest.startswith("+++"):
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", rest)
        if resumed:
            calls[-1] = calls[-1].removesuffix("<unfinished ...>").rstrip() + resumed[1].lstrip()
        else:
            calls.append(rest)
    return part(calls)


def part(calls):
    begin = next((i for i, call in enumerate(calls) if call.startswith(MAIN_HAS_BEGUN)), -1)
    mark = next((i for i, call in enumerate(calls) if call.startswith(FIRST_CALL_IS_HERE)), len(calls))
    answer = next((i for i, call in enumerate(calls) if i > mark and re.match(r"(send\w*|write\w*)\(", call)), None)
    if answer is None:
        raise AssertionError("the trace of the actor has no first call with an answer:\n" + "\n".join(calls))
    # What the loader looks for and does not find depends on the processor and on where the libraries lie.
    before_main = [call for call in calls[:max(begin, 0)] if not re.match(r"(openat|newfstatat|access)\(.*= -1 ENOENT", call)]
    return before_main, calls[begin + 1:mark] + calls[mark + 1:answer + 1]


# --- judging: each gives a list of what is wrong ---

def judge_mappings(program, mappings):
    program = os.path.realpath(program)
    findings = []
    for name in dict.fromkeys(mapping.name for mapping in mappings):
        # In brackets are the kernel's, the heap, the stack, and anonymous memory that somebody gave a name.
        if name in ("", program) or re.fullmatch(r"\[.*\]", name):
            continue
        if not any(fnmatch.fnmatchcase(os.path.basename(name), pattern) for pattern in BUDGET["mapped"]):
            findings.append(f"{name} is mapped, and is none of those that may be")
    return findings


def judge_threads(threads):
    if len(threads) <= limit("threads"):
        return []
    return [f"{len(threads)} threads: {', '.join(threads)}"]


def judge_page_faults(method, boots):
    found, allowed = statistics.median_low([each.page_faults for each in boots]), limit(f"{method}.page_faults")
    print(f"{method}: page faults {[each.page_faults for each in boots]} of {allowed}", file=sys.stderr)
    if found <= allowed:
        return []
    largest = sorted(boots[-1].mappings, key=lambda mapping: -mapping.own_kb)[:LISTED_MAX]
    return [f"{found} page faults, {allowed} are allowed; KiB resident, and KiB of its own, in the last actor's largest mappings:",
            *(f"  {each.resident_kb:6} {each.own_kb:6} {each.name or 'anonymous'}" for each in largest)]


def judge_calls(name, calls):
    print(f"{name}: {len(calls)} of {limit(name)}", file=sys.stderr)
    if len(calls) <= limit(name):
        return []
    return [f"{len(calls)} system calls, {limit(name)} are allowed ({name}). All of them, in order:",
            *(f"  {call[:COLUMNS]}" for call in calls)]


def judge_directories(calls):
    return [f"a directory is made: {call}" for call in calls if call.startswith("mkdir")]


def initialisers(path):
    """The functions that an object's .init_array names, by name; an address where there is none."""
    def read(*options):
        return subprocess.run([READELF, "-W", *options, os.fspath(path)], capture_output=True, text=True, check=True).stdout
    place = re.search(r"\.init_array\s+INIT_ARRAY\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)", read("-S"))
    if not place:
        return []
    begin, size = int(place[1], 16), int(place[2], 16)
    names = {int(found[1], 16): found[2] for found in re.finditer(r"\d+: ([0-9a-f]+) +\w+ +FUNC .* (\S+)$", read("-s"), re.MULTILINE)}
    entries = {}
    for found in re.finditer(r"^([0-9a-f]+) +[0-9a-f]+ R_\w+_RELATIVE +([0-9a-f]+)$", read("-r"), re.MULTILINE):
        if begin <= int(found[1], 16) < begin + size:
            entries[int(found[1], 16)] = names.get(int(found[2], 16), f"0x{found[2]}")
    return [entries.get(begin + at, "unknown") for at in range(0, size, 8)]


def judge_initialisers(objects):
    return [f"{path}: {name} runs before main" for path in objects for name in initialisers(path) if name not in BUDGET["initialisers"]]


def own_objects(program, mappings):
    """The program, and libtractor where that is a file of its own."""
    return [program, *{each.name for each in mappings if os.path.basename(each.name).startswith("libtractor.so")}]


# --- the tests ---

class Findings:
    """Assertions about a list of what is wrong."""

    def assert_nothing(self, findings):
        if findings:
            self.fail("\n" + "\n".join(findings))

    def assert_named(self, findings, pattern):
        """One is this; what else may be wrong is for the other tests."""
        self.assertTrue(any(re.fullmatch(pattern, finding) for finding in findings), f"no {pattern} in {findings}")


class LeanTest(Findings, unittest.TestCase):
    # S-LZY-1, S-LZY-4
    def test_nothing_optional_is_mapped_and_no_thread_is_there(self):
        for method in METHODS:
            with self.subTest(method):
                found = boot(LEAN, method)
                self.assert_nothing(judge_mappings(LEAN, found.mappings) + judge_threads(found.threads))

    # S-LZY-5
    def test_nothing_of_ours_runs_before_main(self):
        self.assert_nothing(judge_initialisers(own_objects(LEAN, boot(LEAN, "forkserver").mappings)))

    # S-LZY-5
    def test_page_faults_are_within_the_budget(self):
        for method in METHODS:
            with self.subTest(method):
                self.assert_nothing(judge_page_faults(method, [boot(LEAN, method) for _ in range(TREES)]))

    def test_what_creeps_in_is_found_and_named(self):
        for method in METHODS:
            with self.subTest(method):
                found = boot(UNTIDY, method)
                self.assert_named(judge_mappings(UNTIDY, found.mappings), r"/\S+/libresolv\.so\.2 is mapped, .*")
                self.assert_named(judge_threads(found.threads), r"\d+ threads: .*stowaway.*")
                self.assert_named(judge_initialisers(own_objects(UNTIDY, found.mappings)),
                                  r"\S+/untidy_first_call: _GLOBAL__sub_I_first_call\.cpp runs before main")
                findings = judge_page_faults(method, [found])
                self.assert_named(findings[:1], rf"{found.page_faults} page faults, .*")
                self.assertGreaterEqual(int(findings[1].split()[1]), UNTIDY_KB, findings[1])


class TracedTest(Findings, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if why := why_no_ptrace():
            raise unittest.SkipTest(f"no system calls are counted: {why}")

    # S-LZY-4: no directory is made; S-LZY-5
    def test_system_calls_are_within_the_budget(self):
        for method in METHODS:
            with self.subTest(method):
                before_main, calls = system_calls(LEAN, method)
                findings = judge_directories(calls) + judge_calls(f"{method}.system_calls", calls)
                if method == "exec":
                    findings += judge_calls("exec.system_calls_before_main", before_main)
                self.assert_nothing(findings)

    def test_calls_that_creep_in_are_found_and_named(self):
        for method in METHODS:
            with self.subTest(method):
                _, calls = system_calls(UNTIDY, method)
                self.assert_named(judge_directories(calls), r'a directory is made: mkdir\("/proc/self/no_directory".*')
                findings = judge_calls(f"{method}.system_calls", calls)
                self.assert_named(findings[:1], rf"{len(calls)} system calls, .*")
                self.assertGreaterEqual(sum(call.startswith("  getppid()") for call in findings), UNTIDY_CALLS)


if __name__ == "__main__":
    adopt_orphans()
    unittest.main(verbosity=2)
