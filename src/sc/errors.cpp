// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/errors.hpp"

namespace tractor::sc {

closed_resource_error::closed_resource_error(std::string message) : error(std::move(message), error_category::usage) {}
closed_resource_error::~closed_resource_error() = default;

broken_resource_error::broken_resource_error(std::string message) : error(std::move(message), error_category::disconnected) {}
broken_resource_error::broken_resource_error(std::string message, error_category category) : error(std::move(message), category) {}
broken_resource_error::~broken_resource_error() = default;

end_of_channel::end_of_channel(std::string message) : error(std::move(message), error_category::disconnected) {}
end_of_channel::~end_of_channel() = default;

would_block::would_block(std::string message) : error(std::move(message), error_category::overloaded) {}
would_block::~would_block() = default;

busy_resource_error::busy_resource_error(std::string message) : error(std::move(message), error_category::usage) {}
busy_resource_error::~busy_resource_error() = default;

too_slow_error::too_slow_error(std::string message) : error(std::move(message), error_category::overloaded) {}
too_slow_error::~too_slow_error() = default;

scope_cancelled_error::scope_cancelled_error(std::string message) : error(std::move(message), error_category::failed) {}
scope_cancelled_error::~scope_cancelled_error() = default;

deadlock_error::deadlock_error(std::string message) : error(std::move(message), error_category::usage) {}
deadlock_error::~deadlock_error() = default;

swallowed_cancel_error::swallowed_cancel_error(std::string message) : error(std::move(message), error_category::usage) {}
swallowed_cancel_error::~swallowed_cancel_error() = default;

}  // namespace tractor::sc
