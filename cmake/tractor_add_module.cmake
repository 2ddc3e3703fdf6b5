# SPDX-License-Identifier: Apache-2.0
#
#   tractor_add_module(NAME source...)
#
# A static library of actor modules (files with TRACTOR_MODULE) that is linked whole into every program or shared library
# that links it. Nothing refers to a module by symbol, so a linker drops it from an ordinary archive; an actor that is
# asked to enable it then reports that it is missing.
#
#   tractor_add_module(greeter greeter.cpp)
#   target_link_libraries(app PRIVATE greeter)
function(tractor_add_module name)
  if(NOT ARGN)
    message(FATAL_ERROR "tractor_add_module(${name}): no source files")
  endif()
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC tractor::tractor)
  # Link options come before the objects and libraries: the archive is taken whole there, and its ordinary mention as a
  # library, which keeps dependencies and rebuilds right, adds nothing to it.
  target_link_options(${name} INTERFACE "LINKER:--whole-archive,$<TARGET_FILE:${name}>,--no-whole-archive")
endfunction()
