// SPDX-License-Identifier: Apache-2.0
//
// What most of the library includes, compiled once in builds that are slow. Each file still includes what it uses.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tractor/msg/value.hpp"
#include "tractor/sc/sc.hpp"
