#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# compile_fail.sh FOLDER HEADER CXX [FLAGS…]: every *.cpp in the folder must fail to compile, and with the text that its line
# "// expect: …" gives. The same file must compile with -DTRACTOR_WAY_OUT, where it has that branch: the advice of the message works.
# HEADER, below include/, is what all of them include: it is read once.
set -u
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage="usage: compile_fail.sh FOLDER HEADER CXX [FLAGS...]"
here=${1:?$usage}
header=$tests/../include/${2:?$usage}
compiler=${3:?$usage}
shift 3
common=(-std=c++23 -fcoro-aligned-allocation -I "$tests/../include")
precompiled=$(mktemp -t tractor-compile-fail-XXXXXX.pch)
trap 'rm -f "$precompiled"' EXIT
"$compiler" "${common[@]}" "$@" -x c++-header "$header" -o "$precompiled" || exit 1
compile() { "$compiler" "${common[@]}" -fsyntax-only -include-pch "$precompiled" "$@"; }

failures=0
for source in "$here"/*.cpp; do
  name=$(basename "$source" .cpp)
  expected=$(sed -n 's|^// expect: ||p' "$source")
  if [[ -z $expected ]]; then
    echo "FAIL $name: it has no line '// expect: ...'"
    failures=$((failures + 1))
    continue
  fi
  if output=$(compile "$@" "$source" 2>&1); then
    echo "FAIL $name: it compiles"
    failures=$((failures + 1))
  elif missing=$(while IFS= read -r line; do grep -qF -- "$line" <<<"$output" || echo "$line"; done <<<"$expected") &&
      [[ -n $missing ]]; then
    printf 'FAIL %s: the errors do not contain\n%s\n--- but ---\n%s\n' "$name" "$missing" "$output"
    failures=$((failures + 1))
  elif grep -q TRACTOR_WAY_OUT "$source" && ! output=$(compile -DTRACTOR_WAY_OUT "$@" "$source" 2>&1); then
    printf 'FAIL %s: the way out does not compile\n%s\n' "$name" "$output"
    failures=$((failures + 1))
  else
    echo "ok   $name"
  fi
done
exit $((failures != 0))
