#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""msgpack_oracle.py IN OUT: what Python's msgpack makes of each item in IN.

Both files are records of a 4-byte little-endian length and as many bytes. For each record of IN there is one in OUT: "o"
and the item packed again, or "e" and what was wrong.
"""

import struct
import sys

import msgpack


def answer(item: bytes) -> bytes:
    try:
        unpacked = msgpack.unpackb(item, raw=False, strict_map_key=False)
        return b"o" + msgpack.packb(unpacked, use_bin_type=True)
    except Exception as error:
        return b"e" + f"{type(error).__name__}: {error}".encode(errors="replace")


def main() -> None:
    with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as sink:
        while header := source.read(4):
            reply = answer(source.read(struct.unpack("<I", header)[0]))
            sink.write(struct.pack("<I", len(reply)) + reply)


main()
