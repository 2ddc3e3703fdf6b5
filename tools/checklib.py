# SPDX-License-Identifier: Apache-2.0
"""What the check-* scripts share: the tree they look at, C++ without comments, how findings are printed, self-tests.

A check is a function from a root folder to a list of findings, "path:line: sentence". Run without arguments it looks at
this repository; `--root DIR` at another tree; `--self-test` at small trees made for it, and fails when the check does not
find in a bad one exactly what is wrong, or finds something in a good one.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

# A layer includes only itself and layers listed before it.
LAYERS = ["base", "sc", "tls", "msg", "ipc", "discovery", "spawn", "runtime", "trionics", "devx", "interop", "testing", "cli"]
# A library of its own each, which no other layer may include.
LAYERS_APART = {"tls"}


def files(root, folders, suffixes=(".hpp", ".cpp")):
    """Regular files below the folders of root, sorted, as (relative path, text)."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if {"data", "seeds"} & set(path.relative_to(root).parts):
                continue  # recordings and fuzz seeds are what they are
            if path.is_file() and path.suffix in suffixes:
                yield path.relative_to(root), path.read_text(encoding="utf-8")


_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'(?!\w)""", re.DOTALL)


def without_comments(text, keep_strings=False):
    """C++ with comments, and strings unless kept, blanked out; every line keeps its number."""

    def blank(match):
        token = match.group(0)
        if keep_strings and not token.startswith("/"):
            return token
        return re.sub(r"[^\n]", " ", token)

    return _TOKEN.sub(blank, text)


_TEST = re.compile(r"^[ \t]*(?:TEST|TEST_F|TEST_P|TYPED_TEST|TRACTOR_TEST|TRACTOR_ACTOR_TEST|TRACTOR_ACTOR_TEST_F)\((\w+),\s*(\w+)",
                   re.MULTILINE)
_PYTHON_TEST = re.compile(r"^[ \t]*def ((?:test|check)_\w+)\(", re.MULTILINE)


def _places_to_name(path, text):
    """(start, end, test) of each comment in which a test says what it asserts: the lines directly above a test that runs, without a blank
    one between; in a file that is one test, a source that must not compile or a shell script, the lines at its head."""
    folder, tests = path.parent.name, []
    mark = "//" if path.suffix in (".cpp", ".hpp") else "#"
    if path.suffix == ".sh" or folder == "compile_fail":
        end = 0
        while text.startswith(mark, end):
            end = text.find("\n", end) + 1 or len(text)
        yield 0, end, f"{folder}/{path.name}"
        return
    if path.suffix == ".py":
        tests = [(match.start(), f"{folder}/{path.name}:{match[1]}") for match in _PYTHON_TEST.finditer(text)]
    elif path.suffix == ".cpp":
        running = (match for match in _TEST.finditer(text) if not match[2].startswith("DISABLED_"))
        tests = [(match.start(), f"{folder}.{match[1]}.{match[2]}") for match in running]
    for below, test in tests:
        start = below
        while start > 0 and text[text.rfind("\n", 0, start - 1) + 1:start].lstrip(" \t").startswith(mark):
            start = text.rfind("\n", 0, start - 1) + 1
        yield start, below, test


def tests_that_name(root, mentions):
    """{name: {test, …}} of the names that tests give in the comment that is theirs, and a finding for each mention elsewhere, which would
    look as if a test asserted it; `mentions(text)` gives (position, name) of each."""
    tests, findings = collections.defaultdict(set), []
    for path, text in files(root, ["tests"], (".cpp", ".hpp", ".py", ".sh")):
        places = list(_places_to_name(path, text))
        for position, name in mentions(text):
            test = next((test for start, end, test in places if start <= position < end), None)
            if test:
                tests[name].add(test)
            else:
                line = text.count("\n", 0, position) + 1
                findings.append(f"{path}:{line}: {name} is named, but not in the comment directly above a test")
    return tests, findings


def compile_all(jobs):
    """Compiles (label, source text, extra flags) to nothing, two at a time; returns {label: compiler output} of those that fail.

    Objects are written, and not only checked with -fsyntax-only, so that ccache can answer what did not change; but on a fresh clone,
    where nothing is cached (continuous integration sets CI), that would only take longer.
    """
    only_check = ["-fsyntax-only"] if os.environ.get("CI") else []
    compiler = os.environ.get("TRACTOR_CXX", "clang++-19")
    ccache = shutil.which("ccache")
    base = ([ccache] if ccache else []) + [compiler, "-std=c++23", "-fcoro-aligned-allocation", "-O0", "-Wall", "-Wextra", "-Wpedantic",
                                           "-Wshadow", "-Wconversion", "-Wnon-virtual-dtor", "-Werror"]

    def compile_one(job):
        label, source, flags, folder = job
        translation_unit = folder / (re.sub(r"[^\w.]", "_", label) + ".cpp")
        translation_unit.write_text(source, encoding="utf-8")
        done = subprocess.run([*base, *flags, *only_check, "-c", translation_unit.name,
                               "-o", translation_unit.stem + ".o"], cwd=folder,
                              capture_output=True, text=True, check=False)
        return label, None if done.returncode == 0 else done.stderr.strip() or f"{compiler} ended with status {done.returncode}"

    with tempfile.TemporaryDirectory(prefix="tractor-check-") as temporary:
        folder = pathlib.Path(temporary)
        with concurrent.futures.ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1)) as pool:
            results = pool.map(compile_one, [(*job, folder) for job in jobs])
            return {label: output for label, output in results if output is not None}


def missing_library(output):
    """The header of an optional library for want of which something did not compile; None when it was something else."""
    found = re.search(r"fatal error: '(boost/[^']+|uv\.h)' file not found", output)
    return found and found[1]


def write_tree(root, tree):
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def self_test(name, check, cases):
    """cases: (what it shows, {path: text}, [beginning of each expected finding])."""
    failures = 0
    for title, tree, expected in cases:
        with tempfile.TemporaryDirectory(prefix="tractor-check-") as temporary:
            write_tree(pathlib.Path(temporary), tree)
            found = check(pathlib.Path(temporary))
        if len(found) != len(expected) or any(not f.startswith(e) for f, e in zip(sorted(found), sorted(expected))):
            failures += 1
            print(f"{name} --self-test: {title}\n  expected {expected}\n  found    {found}", file=sys.stderr)
    print(f"{name} --self-test: {len(cases) - failures} of {len(cases)} trees judged rightly")
    return 1 if failures else 0


def main(name, check, cases, success):
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=REPOSITORY, help="the tree to look at (default: this repository)")
    parser.add_argument("--self-test", action="store_true", help="show that the check finds what it should")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test(name, check, cases)
    found = check(arguments.root.resolve())
    for finding in found:
        print(finding, file=sys.stderr)
    if found:
        print(f"{name}: {len(found)} finding{'s' if len(found) > 1 else ''}", file=sys.stderr)
        return 1
    print(f"{name}: {success}")
    return 0
