# SPDX-License-Identifier: Apache-2.0
#
# Headers, library, CMake package and pkg-config file.

include(CMakePackageConfigHelpers)
set(tractor_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tractor)

install(TARGETS tractor EXPORT tractorTargets)
if(TRACTOR_TLS)
  set(tractor_headers_left_out)
else()
  set(tractor_headers_left_out PATTERN tls EXCLUDE)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tractor DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp"
        ${tractor_headers_left_out})
install(EXPORT tractorTargets NAMESPACE tractor:: DESTINATION ${tractor_package_dir})
if(TRACTOR_TLS)
  # A set of its own, because whoever loads it needs OpenSSL.
  install(TARGETS tractor_tls EXPORT tractorTlsTargets)
  install(EXPORT tractorTlsTargets NAMESPACE tractor:: DESTINATION ${tractor_package_dir})
endif()

if(TRACTOR_CLI)
  file(RELATIVE_PATH tractor_libraries_from_command /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
  set_target_properties(tractor_command PROPERTIES INSTALL_RPATH "$ORIGIN/${tractor_libraries_from_command}")
  install(TARGETS tractor_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES ${PROJECT_SOURCE_DIR}/docs/tractor.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

configure_package_config_file(cmake/tractorConfig.cmake.in tractorConfig.cmake INSTALL_DESTINATION ${tractor_package_dir})
# Before 1.0 a minor version may break what the one before offered.
write_basic_package_version_file(tractorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tractorConfig.cmake ${PROJECT_BINARY_DIR}/tractorConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/tractor_add_module.cmake ${PROJECT_SOURCE_DIR}/cmake/tractor_add_test.cmake
              ${PROJECT_SOURCE_DIR}/cmake/tractor_test_main.cpp
        DESTINATION ${tractor_package_dir})

# The .pc file finds its prefix from where it lies, so an installed tree can be moved.
file(RELATIVE_PATH tractor_prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" tractor_prefix_from_pc "${tractor_prefix_from_pc}")
configure_file(cmake/tractor.pc.in tractor.pc @ONLY)
if(TRACTOR_TLS)
  configure_file(cmake/tractor-tls.pc.in tractor-tls.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/tractor-tls.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
install(FILES ${PROJECT_BINARY_DIR}/tractor.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
