#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh CXX [FLAGS…]: every *.cpp here must fail to compile, and with the text that its line "// expect: …" gives. The
# same file must compile with -DTRACTOR_WAY_OUT, where it has that branch: the advice of the message works.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
compiler=${1:?usage: run.sh CXX [FLAGS...]}
shift
common=(-std=c++23 -fcoro-aligned-allocation -I "$here/../../../include")
# What all of them include is read once.
header=$(mktemp -t tractor-compile-fail-XXXXXX.pch)
trap 'rm -f "$header"' EXIT
"$compiler" "${common[@]}" "$@" -x c++-header "$here/../../../include/tractor/msg/codec.hpp" -o "$header" || exit 1
compile() { "$compiler" "${common[@]}" -fsyntax-only -include-pch "$header" "$@"; }

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
