#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compile_fail_test.py BUILD_DIR: runs compile_fail/run.sh with the compiler that the build uses."""

import pathlib
import re
import subprocess
import sys

cache = pathlib.Path(sys.argv[1], "CMakeCache.txt").read_text()
compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.MULTILINE)
if compiler is None:
    sys.exit("CMakeCache.txt names no CMAKE_CXX_COMPILER")
script = pathlib.Path(__file__).parent / "compile_fail" / "run.sh"
sys.exit(subprocess.run([script, compiler.group(1)]).returncode)
