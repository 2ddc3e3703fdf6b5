#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The completion scripts, in the shells that are there.

    completion_test.py BUILD_DIR
"""

import argparse
import os
import pathlib
import shutil
import subprocess

from cli_tools import Machine, check_nothing_left
from example_tools import Checks, adopt_orphans

# Prints what is offered for the last of the words.
COMPLETE_IN_BASH = '''
source <(tractor completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_tractor
for each in "${COMPREPLY[@]}"; do echo "$each"; done
'''


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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    arguments = parser.parse_args()
    adopt_orphans()
    checks = Checks()
    with Machine(arguments.build) as machine:
        check_completion(checks, machine)
    check_nothing_left(checks, "completion")
    checks.finish()


if __name__ == "__main__":
    main()
