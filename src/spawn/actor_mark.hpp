// SPDX-License-Identifier: Apache-2.0
//
// By what the fork server knows whose a process is that it adopted: a variable in the environment of every actor that it forks, which
// programs inherit whatever they do with their descriptors, session or process group. Its value names the server and the actor.
//
// An actor's own copy of the variable is written where its environment already points to, so that a fork costs no new environment. No
// world tells it: each actor has its own, and one that an actor made without the server has its requester's.

#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string_view>

namespace tractor::spawn::detail {

inline constexpr std::string_view actor_mark_name = "TRACTOR_ACTOR";
inline constexpr std::size_t actor_mark_bytes_max = 48;

// "TRACTOR_ACTOR=SERVER.ACTOR\0"
using actor_mark = std::array<char, actor_mark_bytes_max>;

// Neither allocates nor formats: it is on the way of every fork.
void write_actor_mark(actor_mark& to, pid_t server, pid_t actor) noexcept;

// Whether a variable ("NAME=VALUE") is a mark, anybody's.
[[nodiscard]] bool is_actor_mark(std::string_view variable) noexcept;

// The actor that a mark names, if it is one of `server`'s.
[[nodiscard]] std::optional<pid_t> actor_of_mark(std::string_view variable, pid_t server) noexcept;

}  // namespace tractor::spawn::detail
