#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   tests/install/run.sh KIND BUILD_DIR
#
# Installs the build into a folder of its own, moves the folder, and builds and runs a program against it, the way KIND says:
#   find_package   CMake, from the installed package
#   pkg_config     the compiler and the .pc file
#   module         CMake, with a module in a static archive (tractor_add_module), and a program of tests (tractor_add_test)
#   subdirectory   CMake, with the source tree as a subdirectory: there as a static library, and that installed from there, used through
#                  the package and through the .pc file

set -euo pipefail
kind="$1"
build="$(readlink -f "$2")"
here="$(dirname "$(readlink -f "$0")")"
source="$(dirname "$(dirname "$here")")"
temporary="$(mktemp -d -t tractor-install-XXXXXX)"
trap 'rm -rf "$temporary"' EXIT
prefix="$temporary/prefix"

# The folders have other names each time, what is compiled in them is the same.
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$temporary"

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
compiler="$(cached CMAKE_CXX_COMPILER)"
build_type="$(cached CMAKE_BUILD_TYPE)"
ccache="$(cached TRACTOR_CCACHE)"
tls="$(cached TRACTOR_TLS)"
[[ $tls == ON || $tls == TRUE || $tls == 1 ]] || tls=
[[ $ccache != *-NOTFOUND ]] || ccache=
# The same flags as the build's, so that ccache has what it compiled.
like_build=(-G Ninja "-DCMAKE_CXX_COMPILER=$compiler" "-DCMAKE_BUILD_TYPE=$build_type"
            "-DCMAKE_CXX_FLAGS_${build_type^^}=$(cached "CMAKE_CXX_FLAGS_${build_type^^}")" "-DTRACTOR_WERROR=$(cached TRACTOR_WERROR)")

# What compiles the library anew: ccache has nothing of one that was compiled in batches, so it is made as fast to compile as can be.
library_like_build=("${like_build[@]}")
if [[ "$(cached TRACTOR_UNITY)" == ON ]]; then
  library_like_build+=(-DTRACTOR_UNITY=ON "-DCMAKE_CXX_FLAGS_${build_type^^}=-O0 -g0")
fi

# Output only matters when something fails.
quietly() {
  "$@" >"$temporary/log" 2>&1 || {
    printf 'failed: %s\n' "$*" >&2
    cat "$temporary/log" >&2
    return 1
  }
}

# Installed in one place and used in another: nothing in the tree may know where it was.
install_from() {
  quietly cmake --install "$1" --prefix "$temporary/stage"
  mv "$temporary/stage" "$prefix"
  export PKG_CONFIG_PATH
  PKG_CONFIG_PATH="$(dirname "$(find "$prefix" -name tractor.pc)")"
}

# cmake_consumer FOLDER [OPTION...]: builds the CMake project tests/install/FOLDER in $temporary/FOLDER.
cmake_consumer() {
  local folder="$1"; shift
  quietly cmake -S "$here/$folder" -B "$temporary/$folder" "${like_build[@]}" "-DCMAKE_PREFIX_PATH=$prefix" \
    ${ccache:+"-DCMAKE_CXX_COMPILER_LAUNCHER=$ccache"} "$@"
  quietly cmake --build "$temporary/$folder"
}

# expect STATUS COMMAND...: runs it and checks how it ends and that it speaks as a consumer.
expect() {
  local wanted="$1" status=0 output; shift
  output="$("$@" 2>&1)" || status=$?
  printf '%s\n' "$output"
  [[ $status == "$wanted" ]] || { printf '%s ended with status %s, expected %s\n' "$1" "$status" "$wanted" >&2; return 1; }
  [[ $output == *"consumer of tractor"* ]] || { printf '%s did not speak as a consumer\n' "$1" >&2; return 1; }
}

# pkg_config_consumer CONSUMER PACKAGE [OPTION...]: compiles tests/install/CONSUMER to $temporary/CONSUMER.
pkg_config_consumer() {
  local consumer="$1" package="$2" flags; shift 2
  flags="$(pkg-config --cflags --libs "$@" "$package")"
  printf 'pkg-config: %s\n' "$flags"
  # shellcheck disable=SC2086  # words, as in a Makefile
  "$compiler" -Wall -Wextra -Wpedantic -Werror "$here/$consumer/main.cpp" $flags -o "$temporary/$consumer"
}

# What tractor_add_test made of tests/install/module.
tests_of_consumer() {
  local listed
  quietly ctest --test-dir "$temporary/module" --output-on-failure --no-tests=error
  grep -q '100% tests passed, 0 tests failed out of 3' "$temporary/log" || { cat "$temporary/log" >&2; return 1; }
  # A test that hangs is told of by its fixture, before ctest ends it.
  listed="$(ctest --test-dir "$temporary/module" --show-only=json-v1 | tr -d ' \n')"
  [[ $listed == *'TRACTOR_TEST_TIMEOUT=60'* && $listed == *'"TIMEOUT","value":120'* ]] ||
    { printf 'the properties of the tests are not those that are wanted: %s\n' "$listed" >&2; return 1; }
  # Without GoogleTest the project says what it lacks.
  if cmake -S "$here/module" -B "$temporary/without_gtest" "${like_build[@]}" "-DCMAKE_PREFIX_PATH=$prefix" \
      -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON >"$temporary/log" 2>&1; then
    echo "tractor_add_test is content without GoogleTest" >&2; return 1
  fi
  tr -s ' \n' ' ' <"$temporary/log" | grep -q 'tractor_add_test(greeter_test): GoogleTest was not found' ||
    { cat "$temporary/log" >&2; return 1; }
}

case "$kind" in
  find_package)
    install_from "$build"
    cmake_consumer find_package ${tls:+-DCONSUME_TLS=ON}
    expect 0 "$temporary/find_package/consumer"
    # The command finds its library where both were installed.
    [[ "$(cached TRACTOR_CLI)" != ON ]] || "$prefix/bin/tractor" --version
    [[ -z $tls ]] || expect 0 "$temporary/find_package/consumer_tls"
    # A compiler that cannot be used is refused when the project is configured.
    gcc="$(command -v g++-12 || true)"
    if [[ -n $gcc ]]; then
      if cmake -S "$here/find_package" -B "$temporary/gcc" -G Ninja "-DCMAKE_CXX_COMPILER=$gcc" "-DCMAKE_PREFIX_PATH=$prefix" \
          >"$temporary/log" 2>&1; then
        echo "a project is configured with $gcc" >&2; exit 1
      fi
      tr -s ' \n' ' ' <"$temporary/log" | grep -q 'GCC before 14 destroys temporaries' || { cat "$temporary/log" >&2; exit 1; }
    fi
    ;;
  pkg_config)
    install_from "$build"
    pkg_config_consumer consumer tractor
    expect 0 env "LD_LIBRARY_PATH=$(pkg-config --variable=libdir tractor)" "$temporary/consumer"
    if [[ -n $tls ]]; then
      pkg_config_consumer consumer_tls tractor-tls
      expect 0 env "LD_LIBRARY_PATH=$(pkg-config --variable=libdir tractor)" "$temporary/consumer_tls"
    fi
    version="$(pkg-config --modversion tractor)"
    [[ $version == "$(cached CMAKE_PROJECT_VERSION)" ]] || { echo "tractor.pc says version $version" >&2; exit 1; }
    ;;
  module)
    install_from "$build"
    cmake_consumer module
    expect 0 "$temporary/module/consumer"
    expect 0 "$temporary/module/consumer_through_part"
    expect 3 "$temporary/module/consumer_without"
    tests_of_consumer
    ;;
  subdirectory)
    # What it is by default, nothing to install, is looked at where that is configured.
    quietly cmake -S "$here/subdirectory" -B "$temporary/default" "${library_like_build[@]}" "-DTRACTOR_SOURCE=$source"
    cmake_consumer subdirectory "-DTRACTOR_SOURCE=$source" "${library_like_build[@]}" -DBUILD_SHARED_LIBS=OFF "-DTRACTOR_TLS=${tls:-OFF}" \
      -DTRACTOR_INSTALL=ON "-DTRACTOR_CLI=$(cached TRACTOR_CLI)"
    expect 0 "$temporary/subdirectory/consumer"
    install_from "$temporary/subdirectory"
    # Here it is compiled as in a release: without the headers that a build for every day brings to each of its files.
    [[ "$(cached TRACTOR_CLI)" != ON ]] || "$prefix/bin/tractor" --version
    [[ -z "$(find "$prefix" -name 'libtractor.so*')" ]] || { echo "the static build installs a shared library" >&2; exit 1; }
    cmake_consumer find_package ${tls:+-DCONSUME_TLS=ON}
    expect 0 "$temporary/find_package/consumer"
    pkg_config_consumer consumer tractor --static
    expect 0 "$temporary/consumer"
    # With the C++ library in it too, whose __cxa_throw takes the place of ours.
    # shellcheck disable=SC2046  # words
    "$compiler" "$here/consumer/main.cpp" $(pkg-config --cflags --libs --static tractor) -static-libstdc++ -o "$temporary/consumer_static"
    expect 0 "$temporary/consumer_static"
    if [[ -n $tls ]]; then
      expect 0 "$temporary/find_package/consumer_tls"
      pkg_config_consumer consumer_tls tractor-tls --static
      expect 0 "$temporary/consumer_tls"
    fi
    ;;
  *)
    printf 'there is no kind %s; see the head of %s\n' "$kind" "$0" >&2
    exit 2
    ;;
esac
