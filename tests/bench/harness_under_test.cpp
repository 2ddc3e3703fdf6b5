// SPDX-License-Identifier: Apache-2.0
//
// The harness is part of a program and in no library: the parts of it that are tested one by one are compiled here once more.
#include "bench/bounds.cpp"
#include "bench/launch.cpp"
#include "bench/options.cpp"
#include "bench/report.cpp"
#include "bench/row.cpp"
