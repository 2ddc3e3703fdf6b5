# SPDX-License-Identifier: Apache-2.0
"""Seeded text for wordcount: words of many scripts, every kind of separator, broken UTF-8, a line of 10 MiB, small files and big ones."""

import os
import pathlib
import random
import subprocess

MIB = 1 << 20
FULL_MIB = 256

# White space of all kinds, bytes that are no UTF-8, and characters that neither separate words nor make one.
AWKWARD = [b"\t", b"\v", b"\f", b"\r", b"\r\n", b"\x01", b"\x1b", b"\x1c", b"\x7f", b"\x80", b"\xbf", b"\xfe", b"\xff", b"\xc0\x80",
           b"\xc2", b"\xe2\x80", b"\xe2", b"\xf0\x9f\x98", b"\xf0", b"\xf8\x88\x80\x80\x80"]
AWKWARD_POINTS = [0x85, 0xA0, 0xE9, 0x301, 0x378, 0x1680, 0x2000, 0x2007, 0x200B, 0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000,
                  0xD800, 0xDFFF, 0xE000, 0xFEFF, 0xFFFF, 0x1F600, 0x10FFFF, 0x110000, 0x1FFFFF]


def encode(point):
    """UTF-8 of anything up to 21 bits, code points that UTF-8 excludes as well."""
    if point < 0x80:
        return bytes([point])
    if point < 0x800:
        return bytes([0xC0 | point >> 6, 0x80 | point & 63])
    if point < 0x10000:
        return bytes([0xE0 | point >> 12, 0x80 | point >> 6 & 63, 0x80 | point & 63])
    return bytes([0xF0 | point >> 18, 0x80 | point >> 12 & 63, 0x80 | point >> 6 & 63, 0x80 | point & 63])


AWKWARD += [encode(point) for point in AWKWARD_POINTS]


def awkward_text(rnd, parts):
    """Mostly what is rare in real text."""
    kind = rnd.randrange(3)
    if kind == 0:
        return b"".join(rnd.choices([b"a", b"b", b"Z", b" ", b"\n", *AWKWARD], k=parts))
    if kind == 1:
        return bytes(rnd.choices(range(1, 256), k=parts))
    limits = rnd.choices([0x250, 0x3100, 0x20000], k=parts)
    return b"".join(encode(rnd.randrange(1, limit)) for limit in limits)


class Text:
    """Looks like text: few words are common, most are rare, and now and then there is something awkward."""

    def __init__(self, rnd):
        self.rnd = rnd
        alphabets = ["abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz", "äöüßéàñ", "αβγδεζηθ", "абвгдежз", "日本語文字", "😀🎉x"]
        self.words = ["".join(rnd.choices(rnd.choice(alphabets), k=rnd.randint(1, 12))).encode() for _ in range(20000)]
        self.weights = [1 / (rank + 1) for rank in range(len(self.words))]

    def block(self, size, separators=(b" ", b" ", b" ", b" ", b" ", b"\n")):
        parts = self.rnd.choices(self.words, self.weights, k=max(1, size // 6))
        for _ in range(len(parts) // 50):
            parts[self.rnd.randrange(len(parts))] += self.rnd.choice(AWKWARD)
        ends = self.rnd.choices(separators, k=len(parts))
        return b"".join(part + end for part, end in zip(parts, ends))[:size]


def generate(folder, seed, mebibytes, line_mebibytes):
    """Fills `folder` with about so many MiB, one line of its own size among it; no file holds a NUL byte."""
    rnd = random.Random(seed)
    text = Text(rnd)
    folder = pathlib.Path(folder)
    deep = folder / "a" / "b" / "c"
    deep.mkdir(parents=True)
    places = [folder, folder / "a", folder / "a" / "b", deep]
    blocks = [text.block(MIB - rnd.randrange(5000)) for _ in range(6)]

    # A line without a byte at which it could be cut, in words all the same; and a word of a quarter of that.
    uncut = [block.replace(b" ", "\u3000".encode()).replace(b"\n", "\u2003".encode()).translate(None, b"\t\v\f\r") for block in blocks]
    line = b"".join(rnd.choice(uncut) for _ in range(line_mebibytes))
    (folder / "line").write_bytes(b"first " + line[:line_mebibytes * MIB].ljust(line_mebibytes * MIB, b"x") + b" last\n")
    (deep / "one-word").write_bytes(b"w" * (line_mebibytes * MIB // 4) + b" end")
    (folder / "empty").write_bytes(b"")
    left = (mebibytes - line_mebibytes * 5 // 4) * MIB
    for number in range(300):
        content = text.block(rnd.randrange(1, 8000)) if number % 10 else awkward_text(rnd, rnd.randrange(1, 3000))
        (rnd.choice(places) / f"small {number}").write_bytes(content.replace(b"\0", b""))
        left -= len(content)
    os.makedirs(os.fsencode(folder) + b"/odd \xff\n names")
    pathlib.Path(os.fsdecode(os.fsencode(folder) + b"/odd \xff\n names/\xfe\x01")).write_bytes(blocks[0])
    left -= len(blocks[0])
    number = 0
    while left > 0:
        size = min(left, rnd.randrange(1, max(2, mebibytes // 4)) * MIB)
        with open(rnd.choice(places) / f"big {number}", "wb") as file:
            written = 0
            while written < size:
                block = rnd.choice(blocks)
                cut = rnd.randrange(len(block))  # of any character
                file.write(block[cut:])
                file.write(block[:cut])
                written += len(block)
        left -= size
        number += 1


def words_by_wc(folder):
    """What GNU wc counts below the folder."""
    find = subprocess.Popen(["find", folder, "-type", "f", "-print0"], stdout=subprocess.PIPE)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    environment.pop("POSIXLY_CORRECT", None)
    done = subprocess.run(["wc", "-w", "--files0-from=-"], stdin=find.stdout, env=environment, capture_output=True, check=True)
    find.wait()
    return int(done.stdout.split(b"\n")[-2].split()[0])
