#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages about the `tractor` command against the command itself: what docs/command.md shows is what it prints.

    page_test.py BUILD_DIR
"""

import argparse
import os
import pathlib
import re
import signal
import subprocess

from cli_tools import COMMAND_TIMEOUT_S, Machine, Running, asked_until, check_nothing_left, says_busy
from example_tools import Checks, adopt_orphans, send, state, wait_until

SOURCES = pathlib.Path(__file__).resolve().parent.parent.parent
DOCS = SOURCES / "docs"
DIRECTORY = "/run/user/1000"  # of the page
# What these print depends on the machine, or on what was killed there: how they look is for command_test.py.
OF_THE_MACHINE = ("tractor doctor", "tractor reap")
# These go on until they are interrupted; the page shows how they begin.
ENDLESS = re.compile(r"tractor (watch|registrar)\b|--stream$")
# What differs from run to run: the page's "…", uuids and their beginnings, numbers, and the room that a column takes.
VARIES = re.compile(r"(…|\b[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{6}\b|\d+(?:\.\d+)?(?:e-?\d+)?| +)")


def sessions(page):
    """(command, its output) in the order of the page."""
    found = []
    for line in page.splitlines():
        if line.startswith("    $ "):
            found.append((line[len("    $ "):], []))
        elif line.startswith("    ") and found and found[-1][1] is not None:
            found[-1][1].append(line[4:])
        elif found and line:
            found.append(("", None))  # a block ends where prose begins
    return [(command, lines) for command, lines in found if lines is not None]


def pattern_of(lines, directory):
    def of(part):
        if part == "…":
            return r"[\s\S]*?"
        if not VARIES.fullmatch(part):
            return re.escape(part)
        if part.isspace():
            return " +"
        return "[0-9a-f]{6}" if re.fullmatch("[0-9a-f]{6}", part) else r"[0-9a-f-]{36}" if "-" in part else r"[\d.e-]+"
    # How the compiler writes a function is not the command's doing.
    text = re.sub("awaits in .*", "awaits in …", "\n".join(lines)).replace(DIRECTORY, "\0")
    return "".join(re.escape(os.fspath(directory)) if piece == "\0" else "".join(of(part) for part in VARIES.split(piece) if part)
                   for piece in re.split("(\0)", text))


def printed(machine, command, lines):
    env = {**machine.env, "PATH": f"{machine.command.parent.resolve()}:{os.environ['PATH']}"}
    command = command.replace(DIRECTORY, os.fspath(machine.directory))
    if not ENDLESS.search(command):
        done = subprocess.run(["bash", "-c", command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=COMMAND_TIMEOUT_S)
        return done.stdout.rstrip("\n").replace(f"{SOURCES}/", "")
    with Running("bash", "-c", f"exec {command}", env=env) as running:
        text = b"".join(running.process.stdout.readline() for _ in lines)
        send(running.pid, signal.SIGINT)
        running.wait()
    return text.decode().rstrip("\n")


# S-STK-2: the file of a dump.
def check_sessions(checks, machine):
    shown = sessions((DOCS / "command.md").read_text())
    root_line, actor_line = next(lines for command, lines in shown if command == "tractor ps")[1:]
    pids_of_page = [re.search(r" (\d+) ", line)[1] for line in (root_line, actor_line)]
    service, greeter = machine.serve()
    pids = dict(zip(pids_of_page, (str(service.pid), str(greeter))))
    with service:
        for command, lines in shown:
            if command in OF_THE_MACHINE:
                continue
            is_of_busy = any(line.endswith("it is busy") for line in lines)
            if is_of_busy:
                send(greeter, signal.SIGSTOP)
                checks.that(wait_until(lambda: state(greeter) == "T"), "the actor is stopped")
            if command == "tractor registrar":
                with Machine(machine.command.parent) as other:  # here there is one
                    checks.that(re.fullmatch(pattern_of(lines, other.directory), printed(other, command, lines)), f"the page: {command}")
                continue
            if command.startswith("cat "):
                log = machine.directory / "tractor" / f"tractor-dump-{greeter}.log"
                checks.that(wait_until(lambda: log.exists() and "end of the task tree" in log.read_text()), "the dump is complete")
            if command.startswith("tractor reap --parent"):
                machine.stop(service)
                service, greeter = machine.serve()
                command = f"tractor reap --parent {service.pid}"
            if command == "tractor top":
                lines = lines[:-1]  # the keys, of a terminal: see top_test.py
            command = re.sub(r"\d{4,}", lambda number: pids.get(number[0], number[0]), command)
            text = asked_until(lambda: printed(machine, command, lines), lambda said: is_of_busy or not says_busy(said))
            checks.that(re.fullmatch(pattern_of(lines, machine.directory), text), f"the page: {command}", text)
            if is_of_busy:
                send(greeter, signal.SIGCONT)
    machine.stop(service)


def check_complete(checks, machine):
    """Every subcommand is shown with what it prints, and both pages have all options."""
    page = (DOCS / "command.md").read_text()
    manual = (DOCS / "tractor.1").read_text().replace("\\-", "-")
    shown = {command.split()[1] for command, lines in sessions(page) if command.startswith("tractor ") and lines}
    commands = re.findall(r"^  (\w+) ", machine.run("--help").stdout.split("Subcommands:")[1], re.MULTILINE)
    checks.that("ps" in commands and "completion" in commands, "the command lists its subcommands", commands)
    checks.equal(shown, set(commands), "the page shows every subcommand, and what it prints")
    for command in commands:
        checks.that(re.search(rf"^\.BI? {command}\b|^\.BR {command}\b", manual, re.MULTILINE), f"the manual: {command}")
        for option in set(re.findall(r"--[a-z-]+", machine.run(command, "--help").stdout)) - {"--help"}:
            checks.that(option in manual, f"the manual: {command} {option}")
            checks.that(option in page or option in ("--count", "--dry-run"), f"the page: {command} {option}")
    checks.that("--version" in manual, "the manual: --version")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    arguments = parser.parse_args()
    adopt_orphans()
    checks = Checks()
    for check in (check_sessions, check_complete):
        with Machine(arguments.build) as machine:
            check(checks, machine)
        check_nothing_left(checks, check.__name__)
    checks.finish()


if __name__ == "__main__":
    main()
