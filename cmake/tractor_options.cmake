# SPDX-License-Identifier: Apache-2.0
#
# How the project compiles itself, and what it asks of those who link it.

# What a user of the library must compile and link with as well.
function(tractor_usage_requirements target)
  target_compile_features(${target} PUBLIC cxx_std_23)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                              $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  # Over-aligned locals of a coroutine are misplaced without it.
  target_compile_options(${target} PUBLIC $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-fcoro-aligned-allocation>)
  # With lazy binding every forked actor would resolve its own symbols: 20 us and 12 KiB each.
  target_link_options(${target} PUBLIC LINKER:-z,now)
endfunction()

# What only our own targets are compiled with.
function(tractor_private_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor)
  if(TRACTOR_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
endfunction()

# The rest is for our own builds; as a part of somebody else's, their flags rule.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Compiling a program of ours takes longer than running it, so tests, and in a Debug build examples and benchmarks, are built
# without optimization, and by the presets with no debug information (a report names functions of tests, not lines; it saves a
# fifth of the time). Set to "" to debug a test itself. The asan preset leaves out of them what AddressSanitizer finds anyhow.
set(TRACTOR_TEST_FLAGS -O0 -g1 CACHE STRING "Compiled into the test programs, after the flags of the build type")

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TRACTOR_CCACHE ccache)
  mark_as_advanced(TRACTOR_CCACHE)
  if(TRACTOR_CCACHE)
    # Paths on the compiler's command line are absolute, so a build in another folder may use what this one compiled. The
    # sloppiness is what ccache asks for where a precompiled header is in use.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros ${TRACTOR_CCACHE})
  endif()
endif()

include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=lld TRACTOR_HAVE_LLD)
if(TRACTOR_HAVE_LLD)
  add_link_options(-fuse-ld=lld)
endif()

if(TRACTOR_SANITIZE STREQUAL "address")
  set(tractor_instrumentation -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
elseif(TRACTOR_SANITIZE STREQUAL "thread")
  set(tractor_instrumentation -fsanitize=thread)
elseif(TRACTOR_SANITIZE)
  message(FATAL_ERROR "TRACTOR_SANITIZE is \"${TRACTOR_SANITIZE}\"; it can be empty, address or thread")
endif()
if(TRACTOR_FUZZ)
  set(tractor_instrumentation -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all)
endif()
if(TRACTOR_COVERAGE)
  list(APPEND tractor_instrumentation -fprofile-instr-generate -fcoverage-mapping)
endif()
if(tractor_instrumentation)
  add_compile_options(${tractor_instrumentation})
  add_link_options(${tractor_instrumentation})
endif()
