#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""wordcount while its workers are killed with SIGKILL.

    wordcount_kill_test.py BUILD_DIR [--seed N] [--full] [--quick]

With --restart the whole output, the commonest words included, must be that of an undisturbed run, at 20 seeded moments of every
kind. Without it the program must end with an error that says who died, of what, and at what. Nothing may be left. --full: 256 MiB
in pieces of 2 MiB, instead of 4 MiB in pieces of 64 KiB. --quick: one moment of every kind, for a build that is slow.
"""

import argparse
import os
import pathlib
import random
import re
import signal
import tempfile
import time

import wordcount_data
from birth import born_stopped, first_actor
from example_tools import Checks, Program, adopt_orphans, children, descendants, send, state, title, wait_until, workers

SMALL = {"mebibytes": 4, "line_mebibytes": 1, "piece_bytes": 64 << 10}
FULL = {"mebibytes": wordcount_data.FULL_MIB, "line_mebibytes": 10, "piece_bytes": 2 << 20}
POISON_BYTES = 16 << 20  # the most that wordcount takes for a piece
TRIES_MAX = 60  # to hit a moment that does not last
AT_BIRTH = ("boot", "not ready")
BOOT_STOPS_MAX = 40  # in its first 20 system calls an actor has not said hello yet
MOMENTS = {"boot": 3, "not ready": 3, "middle": 6, "idle": 3, "two at once": 3, "all in turn": 2}  # how often each
SAID = {"boot": rb"actor 'worker_\d+' did not start: .*killed by SIGKILL",
        "not ready": rb"actor 'worker_\d+' \(pid \d+\) died before it was ready: killed by SIGKILL",
        "middle": rb"actor 'worker_\d+' \(pid \d+\) died while it counted .*: killed by SIGKILL",
        "idle": rb"actor 'worker_\d+' \(pid \d+\) died while it was idle: killed by SIGKILL"}
REPLACED = rb"; another one is started"


def pause(seconds):
    """A random moment is a random pause: it decides what is tested, not whether the test passes."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def ended(program):
    return state(program.pid) in "ZX"


def reading(pid, folder):
    """Whether a worker has one of our files open: it counts right now."""
    try:
        return any(os.readlink(entry).startswith(os.fspath(folder)) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def busy(program, folder):
    return [pid for pid in workers(program.pid) if reading(pid, folder)]


def kill_at_boot(program, rnd, folder):
    with first_actor(program.pid, rnd.randrange(BOOT_STOPS_MAX)) as victim:
        return send(victim, signal.SIGKILL)


def kill_before_ready(program, rnd, folder):
    """The root is stopped while the actor comes up, so that its first request cannot reach the actor."""
    with first_actor(program.pid) as victim:
        send(program.pid, signal.SIGSTOP)
    wait_until(lambda: title(victim).startswith("_subactor[") and state(victim) in "SZX")
    killed = send(victim, signal.SIGKILL)
    send(program.pid, signal.SIGCONT)
    return killed


def kill_in_the_middle(program, rnd, folder, count=1):
    def candidates():
        counting = busy(program, folder)
        return list(workers(program.pid)) if counting and count > 1 else counting

    victims = wait_until(lambda: candidates() or ended(program))
    if victims is True or len(victims) < count:
        return 0
    pause(rnd.random() * 0.01)
    return sum(send(pid, signal.SIGKILL) for pid in rnd.sample(victims, count))


def kill_idle(program, rnd, folder):
    """One worker is stopped at its work; when all else is counted the others wait for it."""
    held = wait_until(lambda: busy(program, folder) or ended(program))
    if held is True:
        return 0
    send(held[0], signal.SIGSTOP)
    calm = 0
    while calm < 30:
        everyone = [program.pid, *(pid for pid in workers(program.pid) if pid != held[0])]
        calm = calm + 1 if all(state(pid) == "S" for pid in everyone) else 0
        if ended(program):
            return 0
        time.sleep(0.001)
    others = [pid for pid in workers(program.pid) if pid != held[0]]
    killed = send(rnd.choice(others), signal.SIGKILL) if others and reading(held[0], folder) else 0
    pause(rnd.random() * 0.003)
    send(held[0], signal.SIGCONT)
    return killed


def kill_all_in_turn(program, rnd, folder):
    wait_until(lambda: busy(program, folder) or ended(program))
    killed = 0
    for pid in list(workers(program.pid)):
        pause(rnd.random() * 0.004)
        killed += send(pid, signal.SIGKILL)
    return killed


KILL = {"boot": kill_at_boot, "not ready": kill_before_ready, "middle": kill_in_the_middle, "idle": kill_idle,
        "two at once": lambda *arguments: kill_in_the_middle(*arguments, count=2), "all in turn": kill_all_in_turn}


def hit(kind, killed, stderr):
    """Whether the run was one in which that happened."""
    replaced = stderr.count(REPLACED)
    if kind in SAID:
        return re.search(SAID[kind] + b".*", stderr) is not None
    return replaced >= (2 if kind == "two at once" else max(1, killed // 2))


def run(wordcount, kind, *arguments):
    return Program(*(born_stopped([*wordcount, *arguments]) if kind in AT_BIRTH else [*wordcount, *arguments]))


def check_moment(checks, wordcount, folder, kind, rnd, wanted):
    """Repeats until the moment was hit; every run must be right, hit or not."""
    for attempt in range(TRIES_MAX):
        count = rnd.choice([1, 2, 8] if kind in SAID and kind != "idle" else [2, 8])
        text = f"restart, killed {kind}, {count} workers, try {attempt}"
        with run(wordcount, kind, folder, "--restart", "--attempts", "20", "--workers", str(count)) as program:
            killed = KILL[kind](program, rnd, folder)
            status = program.wait()
            right = checks.clean(program, text)
            right = checks.equal(status, 0, f"{text}: exit status", program.err) and right
            right = checks.equal(program.out, wanted, f"{text}: the output is that of an undisturbed run", program.err) and right
            right = checks.that(killed >= program.err.count(REPLACED), f"{text}: {killed} killed, more replaced", program.err) and right
        if not right:
            return
        if hit(kind, killed, program.err):
            print(f"{kind}, {count} workers: hit in run {attempt + 1}: {program.err.decode(errors='replace').splitlines()[0]}", flush=True)
            return
    checks.that(False, f"killed {kind}: not hit in {TRIES_MAX} runs")


def check_without_restart(checks, wordcount, folder, kind, rnd):
    for attempt in range(TRIES_MAX):
        text = f"no restart, killed {kind}, try {attempt}"
        with run(wordcount, kind, folder, "--workers", "2") as program:
            killed = KILL[kind](program, rnd, folder)
            status = program.wait()
            checks.clean(program, text)
        if status == 0:
            checks.that(not program.err, f"{text}: killed {killed}, in vain, and silent", program.err)
            continue
        checks.equal((status, program.out), (1, b""), f"{text}: ends with an error", program.err)
        known = [what for what, said in SAID.items() if re.fullmatch(rb"wordcount: " + said + rb"[^\n]*\n", program.err)]
        checks.that(known, f"{text}: the error says who, of what, at what", program.err)
        if kind in known:
            return
    checks.that(False, f"no restart, killed {kind}: not hit in {TRIES_MAX} runs")


def step_back():
    """Before it is executed: the program gets the least of a busy processor, so that it is seen at its work, and caught at it, however
    busy the machine is."""
    os.nice(19)
    try:
        pathlib.Path("/proc/self/autogroup").write_text("19")  # what counts where each session has a share of its own
    except OSError:
        pass  # it has none


def check_given_up(checks, wordcount, folder, attempts):
    """Each worker that opens the only file is killed."""
    file = folder / "poison \x1b[31m"
    file.write_bytes(b"word " * (POISON_BYTES // 5))
    options = ["--restart", "--workers", "2", "--piece-bytes", str(POISON_BYTES), *(["--attempts", str(attempts)] if attempts != 3 else [])]
    with Program(*wordcount, file, *options, preexec_fn=step_back) as program:
        for _ in range(attempts):
            found = wait_until(lambda: busy(program, folder) or ended(program))
            if found is True:
                break
            for pid in found:
                send(pid, signal.SIGKILL)
            wait_until(lambda: not any(reading(pid, folder) for pid in found))
        status = program.wait()
    last = program.err.splitlines()[-1]
    name = os.fsencode(folder) + rb"/poison \x1b[31m"
    checks.equal((status, program.out), (1, b""), f"{attempts} attempts: ends with an error", program.err)
    checks.that(last.startswith(b"wordcount: given up on " + name + b": %d workers died while they counted it" % attempts),
                f"{attempts} attempts: the error names the file", program.err)
    checks.equal(program.err.count(REPLACED), attempts - 1, f"{attempts} attempts: replacements", program.err)
    checks.clean(program, f"{attempts} attempts")
    file.unlink()


def check_root_killed(checks, wordcount, folder):
    with Program(*wordcount, folder, "--workers", "2") as program:
        wait_until(lambda: busy(program, folder) or ended(program))
        family = descendants(program.pid)
        send(program.pid, signal.SIGKILL)
        program.process.wait()
        # What it had started comes to us, dead or about to be: nobody but the program's own fork server may have to kill it.
        wait_until(lambda: all(state(pid) in "ZX" for pid in family))
        for pid in children():
            os.waitpid(pid, os.WNOHANG)
        program.wait()
        checks.clean(program, "the root killed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    size = FULL if arguments.full else SMALL
    wordcount = [arguments.build / "examples" / "wordcount", "--piece-bytes", str(size["piece_bytes"])]
    adopt_orphans()
    checks = Checks()
    rnd = random.Random(arguments.seed)
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory(prefix="wordcount-") as name:
        folder = pathlib.Path(name)
        text = folder / "text"
        text.mkdir()
        wordcount_data.generate(text, arguments.seed, size["mebibytes"], size["line_mebibytes"])
        with Program(*wordcount, text, "--workers", "2") as undisturbed:
            checks.equal((undisturbed.wait(), undisturbed.err), (0, b""), "an undisturbed run")
        words = int(re.search(rb"\n\n *(\d+)  words\n", undisturbed.out)[1])
        checks.equal(words, wordcount_data.words_by_wc(text), "an undisturbed run counts what wc counts")
        for kind, times in MOMENTS.items():
            for _ in range(1 if arguments.quick else times):
                check_moment(checks, wordcount, text, kind, rnd, undisturbed.out)
        for kind in SAID:
            check_without_restart(checks, wordcount, text, kind, rnd)
        check_given_up(checks, wordcount, folder, 3)
        check_given_up(checks, wordcount, folder, 1)
        check_root_killed(checks, wordcount, text)
    checks.finish()


main()
