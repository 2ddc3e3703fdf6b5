#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What wordcount counts, against GNU wc, and how it talks.

    wordcount_test.py BUILD_DIR [--seed N] [--full | --quick]

Real files, every code point, awkward text cut into ranges of any size, generated text with 1, 2 and 8 workers; the commonest words against
an independent count. --full: 256 MiB instead of 16; --quick: 2, for a build that is slow.
"""

import argparse
import collections
import ctypes
import os
import pathlib
import pty
import random
import re
import tempfile

import wordcount_data
from example_tools import Checks, Program, adopt_orphans
from wordcount_data import encode, words_by_wc

MIB = 1 << 20
FULL = {"mebibytes": wordcount_data.FULL_MIB, "line_mebibytes": 10, "awkward_files": 40, "word_bytes": 5000, "options": []}
SMALL = {"mebibytes": 16, "line_mebibytes": 10, "awkward_files": 40, "word_bytes": 5000, "options": []}
QUICK = {"mebibytes": 2, "line_mebibytes": 1, "awkward_files": 12, "word_bytes": 1500,
         "options": ["--piece-bytes", "65536"]}  # so that files are cut


class Wordcount:
    def __init__(self, program, checks):
        self.program = program
        self.checks = checks

    def run(self, folder, *arguments, status=0):
        """Runs it; gives its output and its stderr. Checks the status, and that nothing is left."""
        with Program(self.program, folder, *arguments) as program:
            self.checks.equal(program.wait(), status, f"exit status of {arguments} on {folder}", program.err)
            self.checks.clean(program, f"{arguments} on {folder}")
        return program.out, program.err

    def words(self, folder, *arguments):
        out, _ = self.run(folder, *arguments)
        return number(out, "words")


def number(out, what):
    """One of the totals, which stand below the commonest words."""
    found = re.search(rb"^ *(\d+)  " + what.encode() + rb"$", out.split(b"\n\n")[-1], re.MULTILINE)
    return int(found[1]) if found else 0


def commonest(out):
    """The words that the program printed, with their numbers."""
    rows = [re.fullmatch(rb" *(\d+)  (.*)", line) for line in out.split(b"\n\n")[0].splitlines()]
    return [(int(row[1]), re.sub(rb"\\x(..)|\\(\\)", lambda m: bytes.fromhex(m[1].decode()) if m[1] else b"\\", row[2])) for row in rows]


class Classes:
    """What the C library says of characters in C.UTF-8."""

    def __init__(self):
        self.libc = ctypes.CDLL(None)
        self.libc.newlocale.restype = ctypes.c_void_p
        self.locale = ctypes.c_void_p(self.libc.newlocale(1, b"C.UTF-8", None))  # LC_CTYPE_MASK
        self.known = {}

    def of(self, char):
        """'s'eparator, 'p'rinting or neither."""
        if char not in self.known:
            point = ord(char)
            prints = not 0xD800 <= point <= 0xDFFF and self.libc.iswprint_l(point, self.locale)
            space = char in "\t\n\v\f\r " or prints and (char in "\u00a0\u2007\u202f\u2060" or self.libc.iswspace_l(point, self.locale))
            self.known[char] = "s" if space else "p" if prints else "-"
        return self.known[char]

    def count_words(self, data, into):
        """A second opinion: the same words, found with Python's decoder. Bytes that are no UTF-8 become lone surrogates there."""
        word, prints = [], False
        for char in data.decode("utf-8", "surrogateescape") + " ":
            kind = self.of(char)
            if kind == "s":
                if prints:
                    into["".join(word).encode("utf-8", "surrogateescape")] += 1
                word, prints = [], False
            else:
                word.append(char)
                prints = prints or kind == "p"


def check_real_files(wordcount):
    folder = pathlib.Path("/usr/share/common-licenses")
    out, err = wordcount.run(folder)
    with Program(wordcount.program) as program:
        wordcount.checks.equal((program.wait(), program.out), (0, out), "without a directory: common-licenses")
    wordcount.checks.equal(number(out, "words"), words_by_wc(folder), "the words of common-licenses")
    wordcount.checks.equal((len(commonest(out)), err), (20, b""), "twenty commonest words, and no complaint")
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    wordcount.checks.equal(number(out, "files"), len(files), "regular files")
    wordcount.checks.equal(number(out, "bytes"), sum(path.stat().st_size for path in files), "bytes")


def check_every_code_point(wordcount, folder):
    """Alone and inside a word, so that a total tells separators, printing characters and the others apart. Planes 4 to 13 are empty."""
    for first, end in ((1, 0x10000), (0x10000, 0x40000), (0xE0000, 0xE1000), (0x10F000, 0x111000)):
        (folder / "points").write_bytes(b"".join(encode(point) + b" X" + encode(point) + b"Y " for point in range(first, end)))
        wordcount.checks.equal(wordcount.words(folder), words_by_wc(folder), f"code points from {first:#x}")
    (folder / "points").unlink()


def check_awkward_text(wordcount, folder, rnd, files):
    classes = Classes()
    for case in range(files):
        text = wordcount_data.awkward_text(rnd, rnd.choice([5, 30, 300, 5000, 300000 if case % 8 == 0 else 700]))
        (folder / "text").write_bytes(text)
        sizes = [1, 2, 3, 5, 17, 300] if len(text) < 20000 else [999, 65536, 262144, 262145]
        wanted = words_by_wc(folder)
        piece = str(rnd.choice(sizes))
        out, _ = wordcount.run(folder)
        good = wordcount.checks.equal(number(out, "words"), wanted, f"awkward text, case {case}")
        cut, _ = wordcount.run(folder, "--piece-bytes", piece, "--workers", str(rnd.choice([1, 2, 8])))
        good = wordcount.checks.equal(cut, out, f"awkward text, case {case}: cut into ranges of {piece} bytes") and good
        counts = collections.Counter()
        classes.count_words(text, counts)
        short = [(-times, word) for word, times in counts.items() if len(word) <= 1024]
        if len(short) == len(counts):
            ours = [(-times, word) for times, word in commonest(out)]
            good = wordcount.checks.equal(ours, sorted(short)[:20], f"awkward text, case {case}: commonest words") and good
        if not good:
            print("the text:", text if len(text) < 400 else f"{len(text)} bytes")
    (folder / "text").unlink()


def check_long_words(wordcount, folder, length):
    word = b"y" * length
    (folder / "text").write_bytes(b" ".join([word, b"short", word, word + b"y", word]))
    plain, _ = wordcount.run(folder)
    shown = rb" *3  y{64}\.\.\.\[%d bytes, hash [0-9a-f]{16}\]\n" % length
    wordcount.checks.that(re.match(shown, plain), f"a word of {length} bytes", plain)
    for piece in ("1", "700", str(length - 1), str(length + 1)):
        wordcount.checks.equal(wordcount.run(folder, "--piece-bytes", piece)[0], plain, f"long words cut into ranges of {piece} bytes")
    (folder / "text").unlink()


def check_generated(wordcount, folder, seed, mebibytes, line_mebibytes, options):
    text = folder / "text"
    text.mkdir()
    wordcount_data.generate(text, seed, mebibytes, line_mebibytes)
    wanted = words_by_wc(text)
    outputs = {workers: wordcount.run(text, "--workers", str(workers), *options) for workers in (1, 2, 8)}
    for workers, (out, err) in outputs.items():
        wordcount.checks.equal((number(out, "words"), err), (wanted, b""), f"{mebibytes} MiB, {workers} workers")
        wordcount.checks.equal(out, outputs[1][0], f"{mebibytes} MiB, {workers} workers: the same output")
    bytes_all = sum(path.stat().st_size for path in text.rglob("*") if path.is_file())
    wordcount.checks.equal(number(outputs[1][0], "bytes"), bytes_all, "every byte was counted once")
    print(f"{mebibytes} MiB: {wanted} words")

    # What is no regular file, or no text, changes nothing but the number of skipped files.
    (text / "loop").symlink_to(text)
    (text / "link").symlink_to(text / "line")
    os.mkfifo(text / "fifo")
    (text / "small with NUL").write_bytes(b"a b c \0 d")
    (text / "big with NUL").write_bytes(b"word " * MIB + b"\0")
    (text / "all NUL").write_bytes(b"")
    os.truncate(text / "all NUL", 64 * MIB)
    out, _ = wordcount.run(text)
    skipped = number(out, "files skipped: they hold a NUL byte")
    wordcount.checks.equal(skipped, 3, "files with a NUL byte")
    rest = re.sub(rb" *3  files skipped.*\n", b"", out)
    wordcount.checks.equal(rest, outputs[1][0], "links, a FIFO and files with a NUL byte do not count")


def check_arguments(wordcount, folder):
    nothing, _ = wordcount.run(folder)
    wordcount.checks.equal((number(nothing, "words"), number(nothing, "files")), (0, 0), "an empty directory")
    (folder / "link").symlink_to("/usr/share/common-licenses")
    for arguments, status, said in (
            ([folder / "missing\x1b[31m"], 1, rb"wordcount: there is no .*/missing\\x1b\[31m\n"),
            ([folder / "link"], 1, rb"wordcount: .*/link is a symbolic link, and links are not followed: .*\n"),
            ([f"{folder}/link/"], 0, b""),
            (["/dev/null"], 1, rb"wordcount: /dev/null is neither a directory nor a regular file\n"),
            (["/proc/self/mem"], 1, rb"wordcount: /proc/self/mem: Input/output error\n"),
            (["--workers", "0"], 2, rb"wordcount: --workers takes a number from 1 to 1024\n"),
            (["--workers"], 2, rb"wordcount: --workers takes a number from 1 to 1024\n"),
            (["--attempts", "x"], 2, rb"wordcount: --attempts takes a number from 1 to 1000\n"),
            (["--nonsense"], 2, rb"wordcount: the argument '--nonsense' is not understood\nusage: (.*\n)*"),
            ([folder, folder], 2, rb"wordcount: the argument '.*' is not understood\nusage: (.*\n)*"),
            (["--help"], 0, b"")):
        first, *others = arguments
        _, err = wordcount.run(first, *others, status=status)
        wordcount.checks.that(re.fullmatch(said, err), f"what {arguments} is answered", err)
    (folder / "link").unlink()


def check_terminal(wordcount, folder):
    """The progress line is for terminals, and is gone at the end."""
    (folder / "text").write_bytes(b"some words here\n" * MIB)
    controller, terminal = pty.openpty()
    with Program(wordcount.program, folder, stderr=terminal) as program:
        status = program.wait()
        os.close(terminal)
        wordcount.checks.clean(program, "on a terminal")
    shown = b""
    try:
        while chunk := os.read(controller, 65536):
            shown += chunk
    except OSError:
        pass  # a terminal that nobody has open any more ends with EIO
    os.close(controller)
    wordcount.checks.equal(status, 0, "on a terminal: exit status")
    wordcount.checks.that(re.match(rb"\r\x1b\[K\d+ files, \d+\.\d MiB, \d+ words", shown), "on a terminal: a progress line", shown)
    wordcount.checks.that(shown.endswith(b"\r\x1b[K"), "on a terminal: the line is gone at the end", shown)
    wordcount.checks.equal(number(program.out, "words"), 3 * MIB, "on a terminal: words")
    (folder / "text").unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=7)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--full", dest="size", action="store_const", const=FULL, default=SMALL)
    sizes.add_argument("--quick", dest="size", action="store_const", const=QUICK)
    arguments = parser.parse_args()
    size = arguments.size
    print(f"seed {arguments.seed}")
    adopt_orphans()
    checks = Checks()
    wordcount = Wordcount(arguments.build / "examples" / "wordcount", checks)
    rnd = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="wordcount-") as name:
        folder = pathlib.Path(name)
        check_real_files(wordcount)
        check_arguments(wordcount, folder)
        check_every_code_point(wordcount, folder)
        check_awkward_text(wordcount, folder, rnd, size["awkward_files"])
        check_long_words(wordcount, folder, size["word_bytes"])
        check_terminal(wordcount, folder)
        check_generated(wordcount, folder, arguments.seed, size["mebibytes"], size["line_mebibytes"], size["options"])
    checks.finish()


main()
