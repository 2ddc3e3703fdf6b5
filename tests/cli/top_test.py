#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tractor top` at a terminal, and where there is none.

    top_test.py BUILD_DIR
"""

import argparse
import codecs
import fcntl
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

from cli_tools import Machine, Running, asked_until, check_nothing_left, flat, says_busy
from example_tools import Checks, adopt_orphans, send, state, wait_until

SCREEN_TIMEOUT_S = 30
HOME, END = "\x1b[H", "\x1b[J"


class Frame:
    """What `top` shows at a time."""

    def __init__(self, text):
        self.lines = [re.sub(r"\x1b\[\d*[a-zA-Z]", "", line) for line in text.split("\r\n")]
        self.said = self.lines[-1]
        self.chosen = [line for line, raw in zip(self.lines, text.split("\r\n")) if "\x1b[7m" in raw]

    def names(self):
        return [re.match(r"[└├─│ ]*(.*?)(?:  | \(registrar\))", line)[1] for line in self.lines[1:-2]]

    def has_chosen(self, name):
        return len(self.chosen) == 1 and re.match(rf"[└├─│ ]*{re.escape(name)}\b", self.chosen[0])


class Terminal:
    """A program at a terminal of its own, which it is in command of. Leaving the block kills it."""

    def __init__(self, *command, env, rows=24, columns=160):
        self.outer, self.inner = os.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.inner)
        self.decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character
        self.unread, self.frames = "", []
        self.process = subprocess.Popen([os.fspath(word) for word in command], env=env, stdin=self.inner, stdout=self.inner,
                                        stderr=self.inner, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            send(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.outer)
        os.close(self.inner)

    def resize(self, rows, columns):
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.outer, keys.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.inner)[3] & termios.ECHO)

    def is_as_before(self):
        return termios.tcgetattr(self.inner) == self.before

    def read(self, timeout_s):
        if not select.select([self.outer], [], [], timeout_s)[0]:
            return False
        self.unread += self.decoder.decode(os.read(self.outer, 65536))
        while END in self.unread:
            text, self.unread = self.unread.split(END, 1)
            self.frames.append(Frame(text[text.rindex(HOME) + len(HOME):].replace("\x1b[2J", "")))
        return True

    def until(self, condition):
        """The first frame, from the present one on, for which the condition holds; else none."""
        deadline = time.monotonic() + SCREEN_TIMEOUT_S
        looked_at = max(0, len(self.frames) - 1)
        while time.monotonic() < deadline:
            for looked_at in range(looked_at, len(self.frames)):
                if condition(self.frames[looked_at]):
                    return self.frames[looked_at]
            self.read(0.1)
        return None

    def wait(self):
        """Reads to the end, or who writes would wait for us."""
        while self.process.poll() is None:
            self.read(0.1)
        while self.read(0):
            pass
        return self.process.returncode


LISTENER = r"""
import os, signal, socket, sys
name, bytes_more, spins = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "spins"
held = b"x" * bytes_more
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(f"{os.environ['XDG_RUNTIME_DIR']}/tractor/{name}@{os.getpid()}.sock")
    listener.listen()
    print("listens", flush=True)
    while spins:
        pass
    signal.pause()
"""


def listener(machine, name, bytes_more=0, how="idles"):
    """Looks like a busy actor."""
    program = Running(sys.executable, "-c", LISTENER, name, str(bytes_more), how, env=machine.env)
    program.process.stdout.readline()
    return program


def check_keys(checks, machine):
    service, greeter = machine.serve()
    with service, Terminal(machine.command, "top", env=machine.env) as top:
        frame = top.until(lambda frame: frame.names() == ["greeting service", "greeter"])
        if not checks.that(frame, "top: shows the tree", top.unread, *(frame.lines for frame in top.frames)):
            return
        checks.equal(frame.lines[0].split(), ["ACTOR", "PID", "UP", "MEMORY", "CPU", "CALLS", "ADDRESSES"], "top: heading")
        checks.that(not top.echoes(), "top: keys are not echoed")
        checks.that(frame.has_chosen("greeting service"), "top: the first is chosen", frame.chosen)
        top.press("j")
        checks.that(top.until(lambda frame: frame.has_chosen("greeter")), "top: j")
        top.press("k")
        checks.that(top.until(lambda frame: frame.has_chosen("greeting service")), "top: k")
        top.press("jjj")
        checks.that(top.until(lambda frame: frame.has_chosen("greeter")), "top: j at the last one")
        top.press("\x1b[?1;2c\x1b[c\x1bOd")
        top.press("k")
        frame = top.until(lambda frame: frame.has_chosen("greeting service"))
        checks.that(frame and frame.said == "", "top: what a terminal sends for other keys is no order", frame and frame.said)
        top.press("j")
        checks.that(top.until(lambda frame: frame.has_chosen("greeter")), "top: j again")

        top.press("d")
        asked = f"asked greeter (pid {greeter}): its task tree"
        checks.that(top.until(lambda frame: frame.said.startswith(asked)), "top: d says so")
        log = machine.directory / "tractor" / f"tractor-dump-{greeter}.log"
        checks.that(wait_until(lambda: log.exists() and "end of the task tree" in log.read_text()), "top: d has it dump")

        # A busy one is waited for beside the keys: what comes after `c` shows while it is on its way.
        send(greeter, signal.SIGSTOP)
        checks.that(wait_until(lambda: state(greeter) == "T"), "the actor is stopped")
        top.press("ck")
        frame = top.until(lambda frame: frame.has_chosen("greeting service"))
        checks.that(frame and frame.said == f"cancelling greeter (pid {greeter}) …", "top: keys go on while an order waits",
                    frame and frame.said)
        send(greeter, signal.SIGCONT)
        checks.that(top.until(lambda frame: frame.said == f"greeter (pid {greeter}) has ended its tasks, and ends"), "top: c")
        checks.that(top.until(lambda frame: frame.names() == ["greeting service"]), "top: it is gone")

        top.press("q")
        checks.equal(top.wait(), 0, "top: q")
        checks.that(top.is_as_before(), "top: q gives the terminal back as it was")
        machine.stop(service)


def check_interrupt(checks, machine):
    service, _ = machine.serve()
    with service:
        for how, status in ("\x03", 130), (signal.SIGTERM, 143):
            with Terminal(machine.command, "top", env=machine.env) as top:
                checks.that(top.until(lambda frame: len(frame.names()) == 2) and not top.echoes(), "top: shows the tree")
                if isinstance(how, str):
                    top.press(how)
                else:
                    send(top.process.pid, how)
                checks.equal(top.wait(), status, f"top: {how!r}")
                checks.that(top.is_as_before(), f"top: {how!r} gives the terminal back as it was")
        machine.stop(service)


def check_sorting(checks, machine):
    (machine.directory / "tractor").mkdir(mode=0o700)
    with listener(machine, "spinner", how="spins"), listener(machine, "hog", 64 << 20), \
            Terminal(machine.command, "top", env=machine.env) as top:
        oldest_first, largest_first = ["spinner", "hog"], ["hog", "spinner"]
        checks.that(top.until(lambda frame: frame.names() == oldest_first and frame.has_chosen("spinner")), "top: the oldest first")
        top.press("m")
        frame = top.until(lambda frame: frame.names() == largest_first)
        checks.that(frame and frame.has_chosen("spinner"), "top: m; who was chosen stays it", frame and frame.chosen)
        top.press("u")
        frame = top.until(lambda frame: frame.names() == oldest_first)
        checks.that(frame and frame.has_chosen("spinner"), "top: u", frame and frame.chosen)
        top.press("q")
        checks.equal(top.wait(), 0, "top: q")


def check_window(checks, machine):
    """More actors than the window has rows: this process listens as each of them."""
    runtime = machine.directory / "tractor"
    runtime.mkdir(mode=0o700)
    names = {*(f"actor{i}" for i in range(7)), "a?[2J?line"}  # as they are shown
    listeners = {}
    for name in names:
        listeners[name] = socket.socket(socket.AF_UNIX)
        file = name.replace("?", "\x1b", 1).replace("?", "\n")
        listeners[name].bind(os.fspath(runtime / f"{file}@{os.getpid()}.sock"))
        listeners[name].listen()
    with Terminal(machine.command, "top", env=machine.env, rows=6, columns=20) as top:
        seen = set()
        for key in "jjjjjjj ":
            frame = top.until(lambda frame: frame.chosen and frame.names()[0] in names)
            name = frame and frame.chosen[0].split()[0]
            seen.add(name)
            top.press(key)
            if key != " ":
                top.until(lambda frame: frame.chosen and not frame.has_chosen(name))
        checks.equal(seen, names, "top: each of more than there is room for can be chosen")
        for frame in top.frames:
            checks.that(len(frame.lines) == 6 and len(frame.chosen) == 1 and max(map(len, frame.lines)) <= 20,
                        "top: what is shown fits into the window, and the chosen row is there", *map(repr, frame.lines), frame.chosen)
        top.resize(2, 20)
        frame = top.until(lambda frame: len(frame.lines) == 2)
        checks.that(frame and len(frame.chosen) == 1, "top: a window with no room for a heading", frame and frame.lines)
        top.resize(24, 80)
        frame = top.until(lambda frame: len(frame.lines) == 11)
        checks.that(frame and set(frame.names()) == names, "top: a window that has become larger", frame and frame.lines)
        gone = frame.chosen[0].split()[0]
        listeners.pop(gone).close()
        frame = top.until(lambda frame: len(frame.names()) == len(names) - 1)
        checks.that(frame and not frame.chosen, "top: when the chosen one is gone nobody is", frame and frame.chosen)
        top.press("cj")
        frame = top.until(lambda frame: frame.chosen)
        checks.that(frame and frame.said == "", "top: an order for nobody", frame and frame.said)
        top.press("q")
        checks.equal(top.wait(), 0, "top: q")
    for each in listeners.values():
        each.close()


def check_no_terminal(checks, machine):
    service, _ = machine.serve()
    with service:
        once = machine.list_all("top")
        lines = once.stdout.splitlines()
        checks.equal((once.returncode, len(lines), "\x1b" in once.stdout), (0, 3, False), "top: once, without codes, where no terminal is")
        checks.equal(lines[0].split(), machine.run("ps").stdout.splitlines()[0].split(), "top: what ps shows")
        twice = machine.list_all("top", "-n", "2")
        checks.equal([line.split()[0] if line else "" for line in twice.stdout.splitlines()],
                     ["ACTOR", "greeting", "└─", "", "ACTOR", "greeting", "└─"], "top -n")
        twice = machine.list_all("top", "--json", "--count", "2")
        trees = [json.loads(line) for line in twice.stdout.splitlines()]
        checks.equal([[actor["name"] for actor in flat(tree)] for tree in trees], [["greeting service", "greeter"]] * 2, "top --json -n")
        checks.that(machine.run("top", "-n", "0").returncode == 2, "top -n 0")

        with Running(machine.command, "top", "--json", env=machine.env) as top:
            for _ in range(2):
                line = asked_until(top.process.stdout.readline, lambda said: not says_busy(said.decode()))
                checks.equal(len(json.loads(line)), 1, "top --json: goes on")
            send(top.pid, signal.SIGINT)
            checks.equal(top.wait(), 130, "top --json: until it is interrupted", top.err)
        with Running(machine.command, "top", "--json", env=machine.env) as top:
            top.process.stdout.readline()
            top.process.stdout.close()
            checks.that(top.process.wait(SCREEN_TIMEOUT_S) != 0, "top --json: ends when nobody reads it")
            top.process.stderr.close()
        def once_at_a_terminal():
            with Terminal(machine.command, "top", "-n", "1", env=machine.env) as top:
                checks.equal(top.wait(), 0, "top -n 1 at a terminal")
                return [frame.names() for frame in top.frames]
        names = [["greeting service", "greeter"]]
        checks.equal(asked_until(once_at_a_terminal, lambda found: found == names), names, "top -n 1 at a terminal: once")
        machine.stop(service)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    arguments = parser.parse_args()
    adopt_orphans()
    checks = Checks()
    for check in (check_keys, check_interrupt, check_sorting, check_window, check_no_terminal):
        with Machine(arguments.build) as machine:
            check(checks, machine)
        check_nothing_left(checks, check.__name__)
    checks.finish()


if __name__ == "__main__":
    main()
