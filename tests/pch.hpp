// SPDX-License-Identifier: Apache-2.0
//
// What most tests include, compiled once. Each test still includes what it uses.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tractor/tractor.hpp"
