#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The completion scripts, in the shells that are there.

    completion_test.py BUILD_DIR
"""

import argparse
import os
import pathlib
import pty
import shlex
import shutil
import subprocess
import tty

from cli_tools import COMMAND_TIMEOUT_S, Machine, check_nothing_left
from example_tools import Checks, adopt_orphans

# Prints what is offered for the last of the words.
COMPLETE_IN_BASH = '''
source <(tractor completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_tractor
for each in "${COMPREPLY[@]}"; do echo "$each"; done
'''

# What a shell makes of a name until its quotes are right, and what people type before they press TAB.
TYPED_IN_BASH = {
    "it's \"so\" of $HOME": ["it\\'s", '"it\'s \\"s', "'it", "'it'\\''s", '"it"\\\'s'],
    "cost `in` $(cents)\\": ["cost", '"cost', '"cost \\`in\\` \\$', "'cost `in"],
    'says "hi"': ["says", '"says', "'says"],
    "the fans'": ["the", '"the', "'the"],
    "stop!now": ["stop", '"stop', "'stop"],
    "& *": ["\\&", '"&', "'&"],
}
# In the place of `tractor` for the shell, so that there may be actors of any name: notes whom it is to show.
STAND_IN = """#!/bin/bash
case $1 in
  completion) exec {command} "$@" ;;
  ps) cat {names} ;;
  *) printf %s "$2" >{noted} ;;
esac
"""


def check_completion(checks, machine):
    env = {**machine.env, "PATH": f"{machine.command.parent.resolve()}:{os.environ['PATH']}"}

    def offered(*words):
        done = subprocess.run(["bash", "-c", COMPLETE_IN_BASH, "bash", *words], env=env, capture_output=True, text=True)
        checks.equal(done.stderr, "", f"completion bash: {words}")
        return done.stdout.splitlines()

    service, _ = machine.serve()
    with service:
        checks.equal(machine.run("ps", "--names").stdout, "greeter\ngreeting service\n", "ps --names")
        for shell in ("bash", "zsh", "fish"):
            done = machine.run("completion", shell)
            checks.that(done.returncode == 0 and "registrar" in done.stdout, f"completion {shell}", done.stderr)
            script = machine.directory / f"completion.{shell}"
            script.write_text(done.stdout)
            if shutil.which(shell):
                parsed = subprocess.run([shell, "-n", script], capture_output=True, text=True)
                checks.equal((parsed.returncode, parsed.stderr), (0, ""), f"completion {shell}: the shell reads it")
        checks.equal(offered("tractor", "de"), ["describe"], "completion bash: a subcommand")
        checks.equal(offered("tractor", "ps", "--n"), ["--names"], "completion bash: an option")
        for command in ("tree", "dump", "describe", "cancel", "find", "call"):
            checks.equal(offered("tractor", command, "gre"), ["greeter", r"greeting\ service"], f"completion bash: {command}")
        checks.equal(offered("tractor", "tree", "--json", r"greeting\ s"), [r"greeting\ service"], "completion bash: goes on after a space")
        checks.equal(offered("tractor", "tree", "'greeting s"), ["greeting service"], "completion bash: within quotes")
        checks.equal(offered("tractor", "call", "greeter", "gre"), [], "completion bash: a function is no actor")
        if shutil.which("fish"):
            ask = 'source $argv[1]; complete -C "tractor find gre"; echo; complete -C "tractor call greeter gre"'
            done = subprocess.run(["fish", "-c", ask, machine.directory / "completion.fish"],
                                  env={**env, "HOME": os.fspath(machine.directory)}, capture_output=True, text=True)
            checks.equal(done.stdout.replace("\\", ""), "greeter\ngreeting service\n\n", "completion fish: names", done.stderr)
        machine.stop(service)


def check_quoting(checks, machine):
    """A person at a terminal types the beginning of a name, TAB and return: the command gets that name."""
    programs, names, noted, start = (machine.directory / name for name in ("programs", "names", "noted", "bashrc"))
    programs.mkdir()
    stand_in = programs / "tractor"
    stand_in.write_text(STAND_IN.format(command=shlex.quote(os.fspath(machine.command.resolve())), names=names, noted=noted))
    stand_in.chmod(0o700)
    names.write_text("".join(f"{name}\n" for name in TYPED_IN_BASH))
    start.write_text("source <(tractor completion bash)\n")
    env = {**machine.env, "PATH": f"{programs}:{os.environ['PATH']}", "TERM": "dumb", "INPUTRC": "/dev/null",
           "HISTFILE": ""}

    def completed(typed):
        noted.unlink(missing_ok=True)
        ours, terminal = pty.openpty()
        tty.setraw(terminal)  # no key has a meaning before the shell gives it one
        os.write(ours, f"tractor tree {typed}\t\nexit\n".encode())
        with subprocess.Popen(["bash", "--noprofile", "--rcfile", start, "-i"], env=env, stdin=terminal, stdout=terminal, stderr=terminal,
                              start_new_session=True) as shell:
            try:
                shell.wait(COMMAND_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                shell.kill()  # it waits for the end of a quote
        os.set_blocking(ours, False)
        seen = os.read(ours, 1 << 16).decode(errors="replace")
        os.close(ours)
        os.close(terminal)
        return noted.read_text() if noted.exists() else None, seen

    for name, beginnings in TYPED_IN_BASH.items():
        for typed in beginnings:
            got, seen = completed(typed)
            checks.equal(got, name, f"completion bash: {typed} and TAB", seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    arguments = parser.parse_args()
    adopt_orphans()
    checks = Checks()
    with Machine(arguments.build) as machine:
        check_completion(checks, machine)
        check_quoting(checks, machine)
    check_nothing_left(checks, "completion")
    checks.finish()


if __name__ == "__main__":
    main()
