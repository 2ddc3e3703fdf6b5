# SPDX-License-Identifier: Apache-2.0
"""What the tests of the `tractor` command share: live trees in a runtime directory of their own."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.fspath(pathlib.Path(__file__).resolve().parent.parent / "examples"))
from example_tools import children, send, state, title, wait_until  # noqa: E402

COMMAND_TIMEOUT_S = 30
ATTEMPTS_MAX = 100


class Running:
    """A program beside others. Leaving the block kills it."""

    def __init__(self, *command, env):
        self.process = subprocess.Popen([os.fspath(word) for word in command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.pid = self.process.pid
        self.out = self.err = b""

    def __enter__(self):
        return self

    def wait(self):
        self.out, self.err = self.process.communicate(timeout=COMMAND_TIMEOUT_S)
        return self.process.returncode

    def __exit__(self, *_):
        if self.process.returncode is None:
            send(self.pid, signal.SIGKILL)
            self.wait()


def check_nothing_left(checks, text):
    """What had lost its parent is ours by now."""
    def all_gone():
        for pid in children():
            if state(pid) in "ZX":
                os.waitpid(pid, 0)
        return not children()
    checks.that(wait_until(all_gone, 10), f"{text}: no process is left", [title(pid) for pid in children()])


def says_busy(text):
    return re.search(r"\bbusy\b(?!\": ?false)", text) is not None


def asked_until(ask, is_right):
    """What `ask()` gives in the end: once it is right, or the last of many attempts."""
    for _ in range(ATTEMPTS_MAX):
        found = ask()
        if is_right(found):
            break
    return found


class Machine:
    """A runtime directory of its own, so that no other tree is seen and nobody else's is touched."""

    def __init__(self, build, registry=None):
        self.command = build / "tractor"
        self.greeter = build / "examples" / "greeter"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tractor-cli-"))
        self.directory.chmod(0o700)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": os.fspath(self.directory)}
        self.env.pop("TRACTOR_REGISTRY", None)
        if registry:
            self.env["TRACTOR_REGISTRY"] = registry

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def run(self, *words, **more):
        return subprocess.run([self.command, *words], env=self.env, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S,
                              stdin=subprocess.DEVNULL, **more)

    def list_all(self, *words):
        """The same of a command that lists, when all actors have answered. One that gets no processor in time is listed as busy, which
        is right, and no more than that about it."""
        return asked_until(lambda: self.run(*words), lambda done: not says_busy(done.stdout))

    def serve(self):
        """A service whose actor is up; gives it and the actor's pid."""
        program = Running(self.greeter, "serve", env=self.env)
        line = program.process.stdout.readline().decode()
        return program, int(re.fullmatch(r"greeter is pid (\d+)\n", line)[1])

    def stop(self, service):
        send(service.pid, signal.SIGINT)
        service.wait()

    def left(self):
        return sorted(path.name for path in (self.directory / "tractor").glob("*") if not path.name.startswith("tractor-dump-"))


def flat(trees):
    for tree in trees:
        yield tree
        yield from flat(tree["children"])
