# SPDX-License-Identifier: Apache-2.0
#
#   tractor_add_test(NAME name SOURCES source... [MODULES module...] [LIBRARIES library...] [TIMEOUT seconds])
#
# A program of GoogleTest tests for actors (tractor/testing/actor_test.hpp), each of which becomes a test of ctest. It is linked with
# tractor, GoogleTest, the modules (of tractor_add_module), the libraries, and a main function that makes it fit for actors; it may bring
# its own, which calls tractor::testing::run_all_tests.
#
# TIMEOUT is the bound on the time of each test; without it the variable TRACTOR_TEST_TIMEOUT is, else what its fixture says, 30 s mostly.
# ctest's own, with TIMEOUT, comes later, by as much as a test that hangs needs to say where and to be ended; without, it has its default.
#
#   enable_testing()
#   tractor_add_test(NAME greeter_test SOURCES greeter_test.cpp MODULES greeter)
#
# A test has a runtime directory, a registry and a TMPDIR of its own (actor_fixture sees to that), so any number may run beside each other.

function(tractor_add_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "SOURCES;MODULES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tractor_add_test(): does not know: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_NAME OR NOT arg_SOURCES)
    message(FATAL_ERROR "tractor_add_test(): takes NAME and SOURCES")
  endif()
  if(NOT CMAKE_TESTING_ENABLED)
    message(WARNING "tractor_add_test(${arg_NAME}): there is no enable_testing() before this, so ctest will not run it")
  endif()
  if(NOT TARGET GTest::gtest)
    find_package(GTest QUIET)
    if(NOT TARGET GTest::gtest)
      message(FATAL_ERROR "tractor_add_test(${arg_NAME}): GoogleTest was not found. Install it (Debian: libgtest-dev), have "
                          "CMAKE_PREFIX_PATH name where it is, or make the target GTest::gtest before this, with FetchContent for example")
    endif()
  endif()
  # tractor/testing/bounded_run.hpp: end_bound_default, and before and after it the time to look where all are.
  set(end_s 60)

  set(timeout "${TRACTOR_TEST_TIMEOUT}")
  if(DEFINED arg_TIMEOUT)
    set(timeout "${arg_TIMEOUT}")
  endif()
  if(NOT timeout STREQUAL "" AND NOT timeout MATCHES "^[1-9][0-9]*$")
    message(FATAL_ERROR "tractor_add_test(${arg_NAME}): the timeout is a number of seconds, not '${timeout}'")
  endif()

  # Once for all programs. Of a static library a linker takes nothing for a program that has a main function already.
  if(NOT TARGET tractor_test_main)
    add_library(tractor_test_main STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/tractor_test_main.cpp")
    target_link_libraries(tractor_test_main PUBLIC tractor::tractor GTest::gtest)
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE ${arg_MODULES} ${arg_LIBRARIES} tractor_test_main)

  set(properties)
  # What a fixture says of its own bound is not known here.
  if(NOT timeout STREQUAL "")
    math(EXPR ctest_timeout "${timeout} + ${end_s}")
    list(APPEND properties ENVIRONMENT "TRACTOR_TEST_TIMEOUT=${timeout}" TIMEOUT ${ctest_timeout})
  endif()
  include(GoogleTest)
  gtest_discover_tests(${arg_NAME} TEST_PREFIX ${arg_NAME}. PROPERTIES ${properties})
endfunction()
