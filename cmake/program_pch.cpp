// SPDX-License-Identifier: Apache-2.0
//
// No program: what the build needs to precompile headers for all of them.
