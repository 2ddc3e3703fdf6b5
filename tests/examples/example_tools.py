# SPDX-License-Identifier: Apache-2.0
"""What the tests of the example programs share: running them so that nothing can be left behind unseen, and finding their actors."""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
RUN_TIMEOUT_S = 60


def adopt_orphans():
    """Whatever a program leaves behind becomes a child of this process from here on."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def children(pid="self"):
    """The pids of the children of a process; empty when it is gone."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        pass  # it ended meanwhile
    return found


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def title(pid):
    """The process title: what the process shows as its command line."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
    except OSError:
        return ""


def state(pid):
    """The one-letter state of a process; Z or X when it is dead or gone."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "X"
    return stat[stat.rindex(")") + 2]


def workers(root):
    """The live actors of the program with this pid: pid to actor name. Looks at its descendants only."""
    found = {}
    for pid in descendants(root):
        words = title(pid)
        if words.startswith("_subactor[") and state(pid) not in "ZX":
            found[pid] = words[len("_subactor["):].split("@")[0]
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Program:
    """A running program. Leaving the block ends it and checks that nothing of it is left."""

    def __init__(self, *command, **options):
        # A session of its own: some tests stop a process, and when a group with a stopped one is orphaned the kernel hangs up on all of it.
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True, **options}
        self.process = subprocess.Popen([os.fspath(word) for word in command], **options)
        self.pid = self.process.pid
        self.out = self.err = b""
        self.left = []

    def __enter__(self):
        return self

    def wait(self, timeout_s=RUN_TIMEOUT_S):
        """Reads to the end; gives the exit status. What is still there then goes to `left`, and is ended."""
        try:
            self.out, self.err = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.left.append(f"the program had not ended after {timeout_s} s; its actors: {workers(self.pid)}")
            for pid in [*descendants(self.pid), self.pid]:
                send(pid, signal.SIGKILL)
            self.out, self.err = self.process.communicate()
        for pid in children():
            self.left.append(f"pid {pid}, state {state(pid)}: {title(pid)}")
        while children():
            for pid in children():
                send(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        return self.process.returncode

    def __exit__(self, *_):
        if self.process.returncode is None:
            for pid in [*descendants(self.pid), self.pid]:
                send(pid, signal.SIGKILL)
            self.wait()


class Checks:
    """Counts what was checked; a failed check is printed and remembered."""

    def __init__(self):
        self.done = 0
        self.failed = 0

    def that(self, condition, text, *details):
        self.done += 1
        if not condition:
            self.failed += 1
            print(f"FAILED: {text}", *(f"  {detail}" for detail in details), sep="\n", flush=True)
        return bool(condition)

    def equal(self, found, wanted, text, *details):
        return self.that(found == wanted, text, f"found  {found!r}", f"wanted {wanted!r}", *details)

    def clean(self, program, text):
        return self.that(not program.left, f"{text}: nothing is left", *program.left)

    def finish(self):
        print(f"{self.done - self.failed} of {self.done} checks passed")
        sys.exit(1 if self.failed or self.done == 0 else 0)


def wait_until(condition, timeout_s=RUN_TIMEOUT_S):
    """Polls without a pause worth the name: the moments that are looked for are short. Gives what the condition gave, or None."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
    return None
