// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/finally.hpp"

#include <string>

#include "tractor/sc/errors.hpp"

namespace tractor::sc::detail {

namespace {

std::string place_of(std::source_location where) { return std::string(where.file_name()) + ":" + std::to_string(where.line()); }

}  // namespace

std::exception_ptr cleanup_too_slow(duration grace, std::source_location where) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(grace).count();
  return std::make_exception_ptr(too_slow_error("the cleanup of sc::finally at " + place_of(where) + " had not ended after its grace of " +
                                                std::to_string(ms) + " ms"));
}

void throw_cleanup_failed(std::exception_ptr body, std::exception_ptr cleanup, std::source_location where) {
  std::vector<std::exception_ptr> errors;
  if (body) errors.push_back(std::move(body));
  errors.push_back(std::move(cleanup));
  throw_collapsed("errors in the body and the cleanup of sc::finally at " + place_of(where), std::move(errors));
}

}  // namespace tractor::sc::detail
