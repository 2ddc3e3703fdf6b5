// SPDX-License-Identifier: Apache-2.0
//
// The wire names of the messages' fields, and the forms of what they are made of.

#pragma once

#include "tractor/msg/protocol.hpp"

namespace tractor::msg {

inline constexpr std::string_view tag_key = "msg_type";

constexpr auto tractor_describe(const aid*) {
  return description<&aid::name, &aid::uuid, &aid::pid, &aid::is_registrar, &aid::is_probe, &aid::extensions, &aid::addrs, &aid::challenge,
                     &aid::proof>{{"name", "uuid", "pid", "is_registrar", "is_probe", "extensions", "addrs", "challenge", "proof"},
                                  1U << 4};
}
constexpr auto tractor_describe(const spawn_spec*) {
  return description<&spawn_spec::parent_main_data, &spawn_spec::runtime_vars, &spawn_spec::enable_modules, &spawn_spec::reg_addrs,
                     &spawn_spec::bind_addrs>{{"_parent_main_data", "_runtime_vars", "enable_modules", "reg_addrs", "bind_addrs"}};
}
constexpr auto tractor_describe(const start*) {
  return description<&start::cid, &start::ns, &start::func, &start::kwargs, &start::uid, &start::pld_spec>{
      {"cid", "ns", "func", "kwargs", "uid", "pld_spec"}, 1U << 5};
}
constexpr auto tractor_describe(const start_ack*) { return description<&start_ack::cid, &start_ack::functype>{{"cid", "functype"}}; }
constexpr auto tractor_describe(const credit*) {
  return description<&credit::cid, &credit::bytes, &credit::messages>{{"cid", "bytes", "messages"}};
}
constexpr auto tractor_describe(const error_msg*) {
  return description<&error_msg::src_uid, &error_msg::src_type_str, &error_msg::boxed_type_str, &error_msg::relay_path, &error_msg::message,
                     &error_msg::tb_str, &error_msg::canceller, &error_msg::sender, &error_msg::cid, &error_msg::bad_msg,
                     &error_msg::bad_msg_as_dict>{{"src_uid", "src_type_str", "boxed_type_str", "relay_path", "message", "tb_str",
                                                   "canceller", "sender", "cid", "_bad_msg", "_bad_msg_as_dict"},
                                                  1U << 5};
}

TRACTOR_DESCRIBE_ENUM(function_kind, asyncfunc, asyncgen, context)

// Arrays of two strings.
template <>
struct TRACTOR_API codec<uid> {
  static constexpr detail::kind_set accepts = detail::kinds(item_kind::array);
  static void encode(writer& out, const uid& from);
  static void decode_into(reader& in, uid& to);
};
template <>
struct TRACTOR_API codec<uid_view> {
  static constexpr detail::kind_set accepts = detail::kinds(item_kind::array);
  static void encode(writer& out, const uid_view& from);
  static void decode_into(reader& in, uid_view& to);
};

template <>
struct TRACTOR_API codec<bad_message> {
  static constexpr detail::kind_set accepts = detail::kinds(item_kind::map);
  static void encode(writer& out, const bad_message& from);
  static void decode_into(reader& in, bad_message& to);
};

namespace detail {
template <>
inline constexpr bool may_hold_views<start> = true;
template <>
inline constexpr bool may_hold_views<start_ack> = true;
template <>
inline constexpr bool may_hold_views<started> = true;
template <>
inline constexpr bool may_hold_views<yield> = true;
template <>
inline constexpr bool may_hold_views<return_> = true;
template <>
inline constexpr bool may_hold_views<stop> = true;
template <>
inline constexpr bool may_hold_views<cancel_ack> = true;
template <>
inline constexpr bool may_hold_views<credit> = true;
}  // namespace detail

}  // namespace tractor::msg
