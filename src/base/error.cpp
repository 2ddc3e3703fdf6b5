// SPDX-License-Identifier: Apache-2.0

#include "tractor/base/error.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tractor/base/fd.hpp"

namespace tractor {

void assertion_failed(const char* expression, const char* file, int line, const char* why) noexcept {
  std::fprintf(stderr, "tractor: broken invariant in process %d: %s\n  %s\n  at %s:%d\n", static_cast<int>(::getpid()), why, expression,
               file, line);
  std::fflush(stderr);
  std::abort();
}

const char* to_string(error_category category) noexcept {
  switch (category) {
    case error_category::failed: return "failed";
    case error_category::disconnected: return "disconnected";
    case error_category::overloaded: return "overloaded";
    case error_category::unimplemented: return "unimplemented";
    case error_category::protocol: return "protocol";
    case error_category::usage: return "usage";
  }
  return "unknown";
}

error::error(std::string message, error_category category) : message_(std::move(message)), category_(category) {}
error::error(const error&) = default;
error& error::operator=(const error&) = default;
error::~error() = default;

usage_error::usage_error(std::string message) : error(std::move(message), error_category::usage) {}
usage_error::~usage_error() = default;

namespace {

error_category category_of(int errno_value) noexcept {
  switch (errno_value) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case ESHUTDOWN: return error_category::disconnected;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN: return error_category::overloaded;
    case ENOSYS:
    case EOPNOTSUPP: return error_category::unimplemented;
    default: return error_category::failed;
  }
}

std::string describe(std::string what_was_tried, int errno_value) {
  what_was_tried += ": ";
  what_was_tried += std::strerror(errno_value);
  what_was_tried += " [";
  what_was_tried += errno_name(errno_value);
  what_was_tried += ']';
  return what_was_tried;
}

}  // namespace

os_error::os_error(std::string what_was_tried, int errno_value)
    : error(describe(std::move(what_was_tried), errno_value), category_of(errno_value)), errno_(errno_value) {}
os_error::~os_error() = default;

std::string errno_name(int errno_value) {
  if (const char* name = ::strerrorname_np(errno_value)) return name;
  return "errno " + std::to_string(errno_value);
}

void throw_os_error(std::string what_was_tried, int errno_value) { throw os_error(std::move(what_was_tried), errno_value); }

}  // namespace tractor
