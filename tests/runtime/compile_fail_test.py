#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compile_fail_test.py BUILD_DIR: what the types of an endpoint forbid is an error of the compiler, the one that the build uses."""

import pathlib
import re
import subprocess
import sys

cache = pathlib.Path(sys.argv[1], "CMakeCache.txt").read_text()
compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.MULTILINE)
if compiler is None:
    sys.exit("CMakeCache.txt names no CMAKE_CXX_COMPILER")
here = pathlib.Path(__file__).parent
sys.exit(subprocess.run([here.parent / "compile_fail.sh", here / "compile_fail", "tractor/tractor.hpp", compiler.group(1)]).returncode)
