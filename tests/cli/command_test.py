#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The `tractor` command against live trees, and two programs that find each other and outlive each other's death.

    command_test.py BUILD_DIR
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

from cli_tools import COMMAND_TIMEOUT_S, Machine, Running, asked_until, check_nothing_left, flat, says_busy
from example_tools import Checks, adopt_orphans, descendants, send, state, wait_until

REGISTRY_FAILOVER_S = 3  # registry_failover_timeout


# S-STK-2, S-STK-3: dump. S-MPG-2: how the service ends.
def check_show(checks, machine):
    done = machine.run("ps")
    checks.equal((done.returncode, done.stdout), (0, "no live actors on this machine (of this user)\n"), "ps: nobody")
    service, greeter = machine.serve()
    with service:
        done = machine.list_all("ps")
        lines = done.stdout.splitlines()
        checks.equal(lines[0].split(), ["ACTOR", "PID", "UP", "MEMORY", "CPU", "CALLS", "ADDRESSES"], "ps: heading")
        checks.that(re.match(rf"greeting service \(registrar\) +{service.pid} ", lines[1]), "ps: the root", done.stdout)
        checks.that(re.match(rf"└─ greeter +{greeter} .* kB|└─ greeter +{greeter} .* MB", lines[2]), "ps: its actor", done.stdout)
        checks.equal(len(lines), 3, "ps: nobody else")
        trees = json.loads(machine.list_all("ps", "--json").stdout)
        checks.equal([tree["name"] for tree in flat(trees)], ["greeting service", "greeter"], "ps --json: names")
        checks.equal(trees[0]["children"][0]["modules"], ["greeter"], "ps --json: modules")

        done = machine.run("describe", "greeter")
        checks.equal(done.stdout, "greeter.greet(name: str) -> str\n", "describe")
        functions = json.loads(machine.run("describe", str(greeter), "--json").stdout)
        checks.equal(functions[0]["arguments"], [{"name": "name", "type": "str"}], "describe --json")

        done = machine.run("tree", "greeter")
        checks.that("- main [1] waits in event.wait" in done.stdout and "- listener" in done.stdout, "tree: tasks", done.stdout)
        checks.equal(json.loads(machine.run("tree", "greeter", "--json").stdout)["name"], "main", "tree --json")

        done = machine.run("call", "greeter", "greeter.greet", "name=World")
        checks.equal(json.loads(done.stdout), f"hello World, says pid {greeter}", "call")
        done = machine.run("call", "greeter", "greeter.greet", "name=3")
        checks.that(done.returncode == 1 and "argument 'name' of 'greet' is not of type str" in done.stderr, "call: a wrong type",
                    done.stderr)
        done = machine.run("call", "greeter", "greet", "name=3")
        checks.that(done.returncode == 2 and "a function is called as MODULE.FUNCTION, not 'greet'" in done.stderr, "call: no module",
                    done.stderr)
        done = machine.run("call", "greeter", "greeter.greet", "World")
        checks.that(done.returncode == 2 and "an argument is given as key=value, not 'World'" in done.stderr, "call: no key", done.stderr)
        done = machine.run("call", "greeter", "greeter.greet", "name=World", "--stream")
        checks.that(done.returncode == 2 and done.stderr.endswith(": call it without --stream\n"), "call: no stream", done.stderr)
        done = machine.run("call", "greeting service", "self.watch_actors", "prefix=")
        checks.that(done.returncode == 2 and done.stderr.endswith(": call it with --stream\n"), "call: a stream", done.stderr)
        done = machine.run("call", "nobody", "greeter.greet")
        checks.equal((done.returncode, done.stderr), (1, "tractor: no actor 'nobody' is registered\n"), "call: nobody")

        done = machine.run("find", "greeter")
        checks.equal(done.stdout, f"/unix{machine.directory}/tractor/greeter@{greeter}.sock\n", "find")
        done = machine.run("find", "nobody")
        checks.equal((done.returncode, done.stdout, done.stderr), (1, "", "tractor: no actor 'nobody' is registered\n"), "find: nobody")
        done = machine.run("tree", "nobody")
        checks.that(done.returncode == 1 and "no live actor on this machine is called 'nobody'" in done.stderr, "tree: nobody", done.stderr)

        done = machine.run("dump", str(service.pid))
        checks.equal(done.returncode, 0, "dump", done.stderr)
        runtime = machine.directory / "tractor"
        below = runtime / f"tractor-dump-{greeter}.log"
        checks.that(wait_until(lambda: below.exists() and "end of the task tree" in below.read_text()), "dump: the actor below")
        above = (runtime / f"tractor-dump-{service.pid}.log").read_text()
        checks.that(f"---- task tree of actor 'greeting service' (" in above and "welcome" in above, "dump: the root's file", above)

        # One that holds its loop is busy, and holds nobody up.
        send(greeter, signal.SIGSTOP)
        done = machine.run("ps")
        checks.that(re.search(rf"greeter +{greeter} .* busy +state T", done.stdout), "ps: a busy one", done.stdout)
        checks.that(re.search(r"└─ greeter", done.stdout), "ps: a busy one is below who started it", done.stdout)
        done = machine.run("describe", "greeter", "--json")
        busy = f"actor 'greeter' (pid {greeter}) does not answer: it is busy"
        checks.equal((done.returncode, done.stderr), (1, f"tractor: {busy}\n"), "describe: a busy one")
        checks.equal(json.loads(done.stdout), {"error": busy}, "describe --json: a busy one")
        send(greeter, signal.SIGCONT)

        done = machine.run("cancel", "greeter")
        checks.equal(done.stdout, f"greeter (pid {greeter}) has ended its tasks, and ends\n", "cancel")
        checks.that(wait_until(lambda: machine.run("find", "greeter").returncode == 1), "cancel: it is not registered any more")
        send(service.pid, signal.SIGINT)
        checks.equal(service.wait(), 130, "the service ends by SIGINT", service.err)
        checks.that(b"tractor: interrupted by SIGINT\n" in service.err, "and says so", service.err)
        # A parent's dump is complete before those of its children begin.
        errors = service.err.decode()
        order = [errors.index(f"---- {which} of actor {who}") for who, which in
                 [("'greeting service'", "task tree"), ("'greeting service'", "end of the task tree")]] if "---- end" in errors else [1, 0]
        first_below = errors.find("---- task tree of actor 'greeter'")
        checks.that(order[0] < order[1] < first_below, "dump: in order on stderr", errors)
    checks.equal(machine.left(), [], "no socket is left")


# S-UDS-2
def check_registrar(checks, machine):
    with Running(machine.command, "registrar", env=machine.env) as registrar:
        checks.equal(registrar.process.stdout.readline().decode(), f"registrar at /unix{machine.directory}/tractor/registry@1616.sock\n",
                     "registrar: says where")
        done = machine.run("registrar")
        checks.that(done.returncode == 1 and re.match("tractor: this root was to be the registrar .* one is at /unix", done.stderr),
                    "registrar: a second one", done.stderr)
        with Running(machine.command, "watch", "gr", "--json", env=machine.env) as watch:
            service, greeter = machine.serve()
            with service:
                # The name of the service begins so too.
                seen = {}
                while len(seen) < 2:
                    event = json.loads(watch.process.stdout.readline())
                    seen[event["name"]] = event
                checks.equal(seen["greeter"]["event"], "registered", "watch: who comes")
                send(service.pid, signal.SIGKILL)
                service.wait()
                gone = set()
                while len(gone) < 2:
                    event = json.loads(watch.process.stdout.readline())
                    if event["event"] == "removed":
                        gone.add(event["name"])
                checks.equal(gone, {"greeter", "greeting service"}, "watch: who goes")
            send(registrar.pid, signal.SIGINT)
            checks.equal(registrar.wait(), 130, "registrar ends by SIGINT", registrar.err)
            # For longer than a lookup would wait for a successor.
            time.sleep(REGISTRY_FAILOVER_S + 1)
            events = set()
            service, greeter = machine.serve()
            with service:
                while len(events) < 2:
                    event = json.loads(watch.process.stdout.readline())
                    events.add((event["event"], event["name"]))
                send(service.pid, signal.SIGINT)
                service.wait()
            checks.equal(events, {("registered", "greeter"), ("registered", "greeting service")}, "watch: goes on with the next registrar")
            send(watch.pid, signal.SIGINT)
            checks.equal(watch.wait(), 130, "watch ends by SIGINT", watch.err)
    checks.that(wait_until(lambda: machine.left() == []), "no socket is left of what was killed", machine.left())


def greeted_by(checks, client, pid, text):
    """Reads on until the client was greeted by that actor; False when its output ends."""
    while (line := client.process.stdout.readline().decode()) and line != f"hello World, says pid {pid}\n":
        checks.that(line.startswith(("lost: ", "hello World, says pid ")), f"{text}: a line of the client", line)
    return bool(line)


def check_welcome(checks, service, text):
    checks.equal(service.process.stdout.readline().decode(), "World is here\n", f"{text}: the service has called its client")


def check_survival(checks, machine, text):
    """Two programs find and call each other, and outlive each other's kill -9, and the registrar's."""
    service, greeter = machine.serve()
    with service, Running(machine.greeter, "greet", "World", "1000", env=machine.env) as client:
        def next_from(pid):
            return greeted_by(checks, client, pid, text)
        checks.that(next_from(greeter), f"{text}: the client has found it")
        check_welcome(checks, service, text)
        send(service.pid, signal.SIGKILL)  # it was the registrar
        service.wait()
        again, greeter = machine.serve()
        with again:
            checks.that(next_from(greeter), f"{text}: the client finds the next one, at the registrar that it is itself by now")
            check_welcome(checks, again, f"{text}: the next one")
            send(greeter, signal.SIGKILL)
            status = again.wait()
            checks.that(status == 1 and b"actor 'greeter' (pid" in again.err, f"{text}: a service without its actor ends", again.err)
        last, greeter = machine.serve()
        with last:
            checks.that(next_from(greeter), f"{text}: and the next")
            send(client.pid, signal.SIGKILL)
            client.wait()
            done = None
            def found():
                nonlocal done
                done = machine.run("find", "greeter")
                return done.returncode == 0
            checks.that(wait_until(found, 10), f"{text}: the service is found when its client, the registrar, was killed",
                        done and done.stderr)
            send(last.pid, signal.SIGINT)
            checks.equal(last.wait(), 130, f"{text}: the service ends", last.err)
    machine.run("reap", "--registry-file")
    checks.that(wait_until(lambda: machine.left() == []), f"{text}: no socket is left", machine.left())


def check_killed_registrar(checks, machine, text):
    """Both were registered at a third program."""
    with Running(machine.command, "registrar", env=machine.env) as registrar:
        registrar.process.stdout.readline()
        service, greeter = machine.serve()
        with service, Running(machine.greeter, "greet", "World", "1000", env=machine.env) as client:
            checks.that(greeted_by(checks, client, greeter, text), f"{text}: the client has found the service")
            check_welcome(checks, service, text)
            send(registrar.pid, signal.SIGKILL)
            registrar.wait()
            # It is greeted ten times a second: what it had been told before is read by then.
            checks.that(all(greeted_by(checks, client, greeter, text) for _ in range(10)), f"{text}: the client goes on")
            send(service.pid, signal.SIGKILL)
            service.wait()
            again, greeter = machine.serve()
            with again:
                checks.that(greeted_by(checks, client, greeter, text), f"{text}: the client finds the next one at the successor")
                check_welcome(checks, again, f"{text}: the next one")
                send(client.pid, signal.SIGKILL)
                client.wait()
                send(again.pid, signal.SIGINT)
                checks.equal(again.wait(), 130, f"{text}: the service ends", again.err)
    machine.run("reap", "--registry-file")
    checks.that(wait_until(lambda: machine.left() == []), f"{text}: no socket is left", machine.left())


def check_recycled_pid(checks, machine):
    """The file of one that was killed, whose number another process has got: us."""
    runtime = machine.directory / "tractor"
    runtime.mkdir(mode=0o700)
    signalled = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: signalled.append(number))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(runtime / f"stranger@{os.getpid()}.sock"))
        listener.listen()
        done = machine.run("ps")
        checks.that(re.search(rf"^stranger +{os.getpid()} .* busy ", done.stdout, re.MULTILINE), "ps: one that listens and does not answer",
                    done.stdout)
        done = machine.run("dump", str(os.getpid()))
        checks.equal((done.returncode, signalled), (0, [signal.SIGUSR1]), "dump: a busy one gets the signal", done.stderr)
    signalled.clear()
    checks.equal(machine.run("ps").stdout, "no live actors on this machine (of this user)\n", "ps: where nobody listens is no actor")
    done = machine.run("dump", str(os.getpid()))
    checks.that(done.returncode == 1 and "no live actor on this machine is called" in done.stderr, "dump: where nobody listens",
                done.stderr)
    checks.equal(signalled, [], "dump: a stranger with the number of a dead one gets no signal")
    signal.signal(signal.SIGUSR1, before)


def check_ps_with_few_descriptors(checks, machine):
    """More who are busy than there are descriptors take none from those who answer."""
    runtime = machine.directory / "tractor"
    runtime.mkdir(mode=0o700)
    strangers, descriptors = 100, 80
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.ExitStack() as open_sockets:
        for i in range(strangers):
            listener = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(os.fspath(runtime / f"stranger-{i}@{os.getpid()}.sock"))
            listener.listen()
        service, greeter = machine.serve()
        with service:
            def listed():
                limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
                return machine.run("ps", preexec_fn=limit).stdout.splitlines()
            lines = asked_until(listed, lambda found: sum(map(says_busy, found)) == strangers)
            checks.equal(len([line for line in lines if line.startswith("stranger-")]), strangers, "ps: all who are busy", *lines)
            checks.that(any(re.search(rf"greeter +{greeter} ", line) and not says_busy(line) for line in lines),
                        "ps: who answers after more busy ones than there are descriptors", *lines)
            machine.stop(service)
    shutil.rmtree(runtime)


# S-REAP-4, S-RTD-4: it cleans where the sockets of actors are.
def check_reap(checks, machine):
    runtime = machine.directory / "tractor"
    runtime.mkdir(mode=0o700, exist_ok=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    stale, live, other = (runtime / name for name in (f"gone@{ended.pid}.sock", f"here@{os.getpid()}.sock", "something.sock"))
    sockets = []
    for path in (stale, live, other, runtime / "registry@1616.sock"):
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(os.fspath(path))
        sockets[-1].listen()
    done = machine.run("reap")
    checks.equal((done.returncode, done.stdout), (0, "nothing is left behind\n"), "reap: a socket on which somebody listens stays")
    for each in sockets:
        each.close()
    done = machine.run("reap", "-n")
    checks.equal(done.stdout, f"would remove {stale.name}\n", "reap -n")
    checks.equal(machine.run("doctor", "--json").returncode, 1, "doctor: something is left behind")
    done = machine.run("reap", "--json")
    checks.equal(json.loads(done.stdout)["sockets"], [stale.name], "reap: the dead one's")
    checks.that(live.exists() and other.exists() and not stale.exists(), "reap: nobody else's")
    done = machine.run("reap", "--registry-file")
    checks.equal(done.stdout, "removed registry@1616.sock\n", "reap: the registry's on request")
    live.unlink()
    other.unlink()


# A service manager of the user, the parent of whoever has none: it has adopted what the environment names, prints their pids, and ends with
# the last of them. With job control of their own the shells leave SIGINT to what they start.
ADOPTER = r'''
set -m
(exec -a "_subactor[quiet@1]" bash -c 'set -m; sleep 1000 & wait') &
quiet=$!
(exec -a "not _subactor[quiet@1]" sleep 1000) &
stranger=$!
deaf=
if [[ $1 = with_a_deaf_one ]]; then
  (trap "" INT; exec -a "_subactor[deaf@2]" sleep 1000) &
  deaf=$!
fi
title() { tr '\0' ' ' < /proc/$1/cmdline; }
until [[ $(cat /proc/$quiet/task/$quiet/children) && $(title $stranger) = not* ]]; do sleep 0.01; done
until [[ ! $deaf || $(title $deaf) = _subactor* ]]; do sleep 0.01; done
echo $quiet $(cat /proc/$quiet/task/$quiet/children) $stranger $deaf
wait
'''


class Adopted:
    """Processes that call themselves actors, one with a process of its own, and a stranger; their parent is `adopter`."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(["systemd --user", "-c", ADOPTER, "bash", *arguments], executable=shutil.which("bash"),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        self.adopter = self.process.pid
        self.quiet, self.below, self.stranger, *self.deaf = [int(pid) for pid in self.process.stdout.readline().split()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in [*descendants(self.adopter), self.adopter]:
            send(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def is_there(self, pid):
        return state(pid) not in "ZX"


# S-REAP-1, S-REAP-2, S-PRC-2, S-SCR-1: actors by their titles and what they have started; nobody else.
def check_reap_processes(checks, machine):
    with Adopted() as left:
        done = machine.run("reap", "-n", "--json")
        pids = [process["pid"] for process in json.loads(done.stdout)["processes"]]
        checks.equal((done.returncode, sorted(pids)), (0, sorted([left.quiet, left.below])), "reap -n: an orphan and what is below it")
        checks.that(left.is_there(left.quiet) and left.is_there(left.below), "reap -n: only says")
        # A manager that does not reap just now: what is dead is gone all the same.
        send(left.adopter, signal.SIGSTOP)
        done = machine.run("reap", "--grace", "20")
        checks.equal(done.returncode, 0, "reap: SIGINT was enough", done.stdout)
        checks.that(f"ended _subactor[quiet@1] -c set -m; sleep 1000 & wait (pid {left.quiet})\n" in done.stdout, "reap: says whom",
                    done.stdout)
        checks.that(not left.is_there(left.quiet) and not left.is_there(left.below), "reap: the whole subtree has ended")
        checks.that(left.is_there(left.stranger), "reap: who is no actor is spared")
        checks.equal(machine.run("reap").stdout, "nothing is left behind\n", "reap: no more, and no zombies")
    with Adopted("with_a_deaf_one") as left:
        done = machine.run("reap", "--grace", "0.3", "--json")
        said = json.loads(done.stdout)
        checks.equal((done.returncode, said["killed"], said["stayed"]), (1, 1, 0), "reap: ends with 1 when a SIGKILL was needed", said)
        checks.equal(len(said["processes"]), 3, "reap: all of them", said)
        checks.that(not left.is_there(left.deaf[0]) and not left.is_there(left.quiet), "reap: the deaf one, too")
        checks.that(left.is_there(left.stranger), "reap: who is no actor is spared by SIGKILL, too")
    service, greeter = machine.serve()
    with service:
        checks.equal(machine.run("reap").stdout, "nothing is left behind\n", "reap: an actor with a parent is no orphan")
        done = machine.run("reap", "-n", "--parent", str(greeter))
        checks.equal(done.stdout, "nothing is left behind\n", "reap --parent: nobody is below that one")
        done = machine.run("reap", "--parent", str(service.pid))
        checks.equal((done.returncode, done.stdout), (0, f"ended _subactor[greeter@{greeter}] (pid {greeter})\n"), "reap --parent")
        checks.that(wait_until(lambda: state(greeter) in "ZX"), "reap --parent: it has ended")
        checks.that(state(service.pid) not in "ZX", "reap --parent: an actor that is told to end is no loss to its parent")
    checks.equal(machine.run("reap", "--parent", "nobody").returncode, 2, "reap --parent: a pid")
    nobody = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text(encoding="ascii")) + 1
    done = machine.run("reap", "--parent", str(nobody))
    checks.equal((done.returncode, done.stderr), (1, f"tractor: there is no process {nobody}\n"), "reap --parent: nobody")


def check_doctor_judges_the_soft_limit(checks, machine):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for soft, good, mark in ((512, False, "!!"), (1024, True, "--"), (4096, True, "ok")):
        if hard != resource.RLIM_INFINITY and soft > hard:
            print(f"skipped: doctor with {soft} open files, for no more than {hard} can be had here")
            continue
        def limit(soft=soft):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        text = machine.run("doctor", preexec_fn=limit)
        checks.that(re.search(rf"^{mark}  open files +{soft} \(at most {hard}\)$", text.stdout, re.MULTILINE), f"doctor: {soft} open files",
                    text.stdout)
        checks.equal("ulimit -n 4096" in text.stdout, mark != "ok", f"doctor: {soft} open files: how to mend it")
        found = json.loads(machine.run("doctor", "--json", preexec_fn=limit).stdout)
        checks.equal(text.returncode, 0 if all(each["good"] for each in found) else 1, f"doctor: {soft} open files, its exit status")
        checks.equal([each["good"] for each in found if each["what"] == "open files"], [good], f"doctor: {soft} open files, as JSON")


def check_rest(checks, machine):
    done = machine.run("doctor")
    checks.that(re.search(r"^(ok|!!)  runtime directory ", done.stdout, re.MULTILINE), "doctor", done.stdout)
    check_doctor_judges_the_soft_limit(checks, machine)
    rows = json.loads(machine.run("bench", "--seconds", "0.05", "--json").stdout)
    checks.that(all(row["median_us"] > 0 and row["times"] > 0 for row in rows) and len(rows) == 2, "bench", rows)
    for arguments, said in ((["bogus"], r"there is no command 'bogus'; the commands are ps, .*, completion \(tractor --help says more\)"),
                            ([], r"a command is missing; the commands are ps, .*"),
                            (["--bogus"], r"there is no option '--bogus'; the commands are ps, .*"),
                            (["ps", "--bogus"], r".*--bogus \(tractor ps --help says more\)"),
                            (["tree"], r"ACTOR is required .*"),
                            (["bench", "--seconds", "0"], r"--seconds: a number above 0 is wanted, not '0' \(.*"),
                            (["bench", "--seconds", "nan"], r"--seconds: a number above 0 is wanted, not 'nan' \(.*"),
                            (["reap", "--grace", "-1"], r"--grace: a number from 0 on is wanted, not '-1' \(.*")):
        done = machine.run(*arguments)
        checks.that((done.returncode, done.stdout) == (2, "") and re.fullmatch(f"tractor: {said}\n", done.stderr),
                    "a command line that is wrong: " + " ".join(arguments), done.returncode, done.stdout, done.stderr)
    done = machine.run("find", "a", "--registry", "nowhere")
    checks.that(done.returncode == 2 and "the address 'nowhere' is not" in done.stderr, "find: an address that is none", done.stderr)
    for arguments in (("find", "--registry", "nowhere", "a"), ("watch", "--registry", "nowhere", "a"),
                      ("call", "--registry", "nowhere", "a", "b.c")):
        checks.that("the address 'nowhere' is not" in machine.run(*arguments).stderr, "an option before other words", arguments)
    done = machine.run("--registry", "nowhere", "find", "a")
    checks.equal((done.returncode, done.stderr), (2, "tractor: --registry belongs behind find (tractor find --help says more)\n"),
                 "an option before its command")
    done = machine.run("ps", "--json", "--bogus")
    checks.that(done.returncode == 2 and "--bogus" in json.loads(done.stdout)["error"], "a wrong command line is JSON, too", done.stdout)
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([machine.command, "ps"], env=machine.env, stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=COMMAND_TIMEOUT_S, check=False)
    checks.equal((done.returncode, done.stderr), (1, "tractor: write(stdout): No space left on device [ENOSPC]\n"),
                 "ps: where nothing can be written")
    done = machine.run("find", "a", "--registry", "nowhere", "--json")
    checks.equal(f"tractor: {json.loads(done.stdout)['error']}\n", done.stderr, "an error is JSON where that was asked for")
    # A pipe that nobody reads, a terminal that is none: no crash.
    checks.that(machine.run("--version").stdout.strip().count(".") == 2, "--version")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    arguments = parser.parse_args()
    adopt_orphans()
    checks = Checks()
    for check in (check_show, check_registrar, check_recycled_pid, check_ps_with_few_descriptors, check_reap, check_reap_processes,
                  check_rest):
        with Machine(arguments.build) as machine:
            check(checks, machine)
        check_nothing_left(checks, check.__name__)
    for registry in (None, f"/ip4/127.0.0.1/tcp/{free_port()}"):
        with Machine(arguments.build, registry) as machine:
            check_survival(checks, machine, "tcp" if registry else "uds")
            check_killed_registrar(checks, machine, "tcp, registrar killed" if registry else "uds, registrar killed")
        check_nothing_left(checks, "survival")
    checks.finish()


if __name__ == "__main__":
    main()
