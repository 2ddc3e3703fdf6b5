// SPDX-License-Identifier: Apache-2.0
//
// msgpack from and to C++ types, straight, without a tree in between.
//
//     struct progress { int epoch; double loss; std::optional<std::string> note; };
//     msg::buffer out;
//     msg::encode(out, progress{.epoch = 3, .loss = 0.5, .note = {}});
//     auto p = msg::decode<progress>(out.view());
//
// | C++ | msgpack |
// |---|---|
// | nullptr, std::monostate, an empty std::optional or std::unique_ptr | nil |
// | bool; integers and std::byte, range-checked; float and double (float64; whole numbers are accepted) | bool; int; float |
// | std::string, and to encode only std::string_view, const char* | str, checked to be UTF-8 |
// | msg::bytes, std::array<std::byte, N>, and to encode only msg::bytes_view | bin |
// | enumerations; those with TRACTOR_DESCRIBE_ENUM | int; str, the enumerator's name |
// | std::vector and other sequences, std::array, std::pair, std::tuple, sets | array |
// | std::map, std::unordered_map, msg::ordered_map (keys of any type; of equal keys the last counts) | map |
// | aggregates and described types (reflect.hpp, describe.hpp) | map keyed by field name |
// | std::variant | the first alternative that fits; of several structs the first whose fields are all that is there |
// | std::chrono durations (down to nanoseconds; what the target cannot hold is cut off) | str, ISO 8601 as "P1DT1.5S" |
// | std::chrono::sys_time | ext -1, a timestamp |
// | tractor::uuid | str of 36 characters |
// | msg::value; msg::raw, and to encode only msg::raw_view | anything; one item verbatim |
//
// Of a struct, unknown keys are ignored and a key that occurs twice is an error. A missing key is an error unless the field
// is a std::optional or std::unique_ptr, or the struct says `static constexpr bool tractor_defaults = true;`: then fields
// that are missing keep their default member initialisers.
//
// For a type of your own:
//
//     template <> struct tractor::msg::codec<colour> {
//       static void encode(writer& out, const colour& c) { out.str(c.name()); }
//       static colour decode(reader& in) { return colour::named(in.str()); }
//       static constexpr std::string_view type_text = "colour";        // optional, for error messages
//     };

#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "tractor/msg/bytes.hpp"
#include "tractor/msg/detail/shape.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/reader.hpp"
#include "tractor/msg/writer.hpp"

namespace tractor::msg {

namespace detail {
template <class T, shape Shape>
struct builtin_codec;
}

// "list[int]" (type_name.hpp).
template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept;

template <class T>
struct codec : detail::builtin_codec<T, detail::classify<T>()> {};

// Appends `from` as one msgpack item. Throws encode_error, with `out` as it was before. `where` names the value in errors.
template <class T>
void encode(buffer& out, const T& from, std::string_view where = {});

// Decodes exactly one item that fills `in`. Throws decode_error. `where` names the value in errors: "pld".
template <class T>
[[nodiscard]] T decode(bytes_view in, const decode_limits& limits = {}, std::string_view where = {});

// The next item of a message under construction, or under inspection: the building blocks of codecs.
template <class T>
void encode_item(writer& out, const T& from);
template <class T>
[[nodiscard]] T decode_item(reader& in);
// The same into an object that was just made.
template <class T>
void decode_into(reader& in, T& to);

// A value as a type, and the other way round.
template <class T>
[[nodiscard]] T from_value(const value& from, const decode_limits& limits = {});
template <class T>
[[nodiscard]] value to_value(const T& from);

}  // namespace tractor::msg

// ---------------------------------------------------------------------------------------------------------------------

#include "tractor/msg/detail/codec_container.hpp"
#include "tractor/msg/detail/codec_entry.hpp"
#include "tractor/msg/detail/codec_scalar.hpp"
#include "tractor/msg/detail/codec_structure.hpp"
#include "tractor/msg/detail/codec_time.hpp"
#include "tractor/msg/detail/codec_variant.hpp"
#include "tractor/msg/type_name.hpp"
