// SPDX-License-Identifier: Apache-2.0

#include "tractor/msg/protocol.hpp"

#include <array>
#include <utility>

#include "tractor/msg/errors.hpp"

namespace tractor::msg {

namespace {

constexpr std::array<std::string_view, 11> tags{"Aid",    "SpawnSpec", "Start",     "StartAck", "Started", "Yield",
                                                "Return", "Stop",      "CancelAck", "Error",    "Credit"};
static_assert(std::variant_size_v<envelope> == tags.size());

std::optional<message_kind> kind_by_tag(std::string_view tag) noexcept {
  for (std::size_t i = 0; i < tags.size(); ++i)
    if (tags[i] == tag) return static_cast<message_kind>(i);
  return std::nullopt;
}

}  // namespace

std::string_view wire_name(message_kind kind) noexcept { return tags[static_cast<std::size_t>(kind)]; }

std::string_view wire_name(function_kind kind) noexcept { return enumerators<function_kind>[static_cast<std::size_t>(kind)].name; }

std::string_view cid_of(const envelope& message) noexcept {
  return std::visit(
      [](const auto& held) -> std::string_view {
        if constexpr (requires { held.cid->size(); })
          return held.cid ? std::string_view(*held.cid) : std::string_view();
        else if constexpr (requires { held.cid; })
          return held.cid;
        else
          return {};
      },
      message);
}

// ---- the two strings of a uid, and a message within a message ----

void codec<uid>::encode(writer& out, const uid& from) { codec<uid_view>::encode(out, from); }
void codec<uid>::decode_into(reader& in, uid& to) {
  uid_view view;
  codec<uid_view>::decode_into(in, view);
  to.name = view.name;
  to.uuid = view.uuid;
}

void codec<uid_view>::encode(writer& out, const uid_view& from) {
  out.array_header(2);
  out.str(from.name);
  out.str(from.uuid);
}
void codec<uid_view>::decode_into(reader& in, uid_view& to) {
  in.array_of(2);
  to.name = in.str();
  to.uuid = in.str();
}

void codec<bad_message>::encode(writer& out, const bad_message& from) {
  detail::put_payload_head(out, from.kind, from.cid);
  out.raw_item(from.pld);
}
void codec<bad_message>::decode_into(reader& in, bad_message& to) {
  const std::byte* const start = in.position();
  if (in.peek() != item_kind::map) in.fail_expected("a message");
  const raw_view item = in.raw_item();
  const auto tag = find_key(item, tag_key);
  const auto kind = tag && kind_of(tag->data.front()) == item_kind::str ? kind_by_tag(decode<std::string>(*tag)) : std::nullopt;
  if (kind != message_kind::started && kind != message_kind::yield && kind != message_kind::return_)
    in.fail_expected_at(start, "a Started, Yield or Return");
  const decode_limits limits;
  reader inner(item, limits);
  return_ fields;  // the three have the same
  detail::decode_fields(inner, inner.map_header(), fields);
  to = {*kind, std::string(fields.cid), raw(fields.pld)};
}

// ---- decoding ----

std::optional<raw_view> find_key(bytes_view map, std::string_view key) {
  const decode_limits limits;
  reader in(map, limits);
  for (std::size_t left = in.map_header(); left != 0; --left) {
    if (in.peek() == item_kind::str) {
      if (in.str() == key) return in.raw_item();
    } else {
      in.skip();
    }
    in.skip();
  }
  return std::nullopt;
}

namespace {

// "\xa8msg_type"
constexpr std::array<char, 9> encoded_tag_key{'\xa8', 'm', 's', 'g', '_', 't', 'y', 'p', 'e'};

template <class Message>
envelope decode_message(reader& in, std::size_t entries) {
  envelope made(std::in_place_type<Message>);
  auto& message = *std::get_if<Message>(&made);
  const std::size_t unknown = detail::decode_fields(in, entries, message);
  if constexpr (requires { message.has_extra; }) message.has_extra = unknown != 0;
  in.expect_end();
  return made;
}

envelope decode_start(reader& in, std::size_t entries) {
  envelope made = decode_message<start>(in, entries);
  const bytes_view kwargs = std::get_if<start>(&made)->kwargs;
  if (kind_of(kwargs.front()) != item_kind::map) throw decode_error("kwargs", "expected map, got " + item_description(kwargs));
  return made;
}

envelope decode_kind(message_kind kind, reader& in, std::size_t entries) {
  try {
    switch (kind) {
      case message_kind::yield: return decode_message<yield>(in, entries);
      case message_kind::started: return decode_message<started>(in, entries);
      case message_kind::return_: return decode_message<return_>(in, entries);
      case message_kind::stop: return decode_message<stop>(in, entries);
      case message_kind::start: return decode_start(in, entries);
      case message_kind::start_ack: return decode_message<start_ack>(in, entries);
      case message_kind::cancel_ack: return decode_message<cancel_ack>(in, entries);
      case message_kind::aid: return decode_message<aid>(in, entries);
      case message_kind::spawn_spec: return decode_message<spawn_spec>(in, entries);
      case message_kind::error: return decode_message<error_msg>(in, entries);
      case message_kind::credit: return decode_message<credit>(in, entries);
    }
  } catch (const decode_error& error) {
    detail::rethrow_in_field(error, wire_name(kind));
  }
  std::unreachable();
}

message_kind read_tag(reader& in) {
  if (in.peek() != item_kind::str) in.fail_expected("the name of a message as msg_type");
  const std::string_view tag = in.str();
  const auto kind = kind_by_tag(tag);
  if (!kind) in.fail("'" + std::string(tag.substr(0, 40)) + "' (msg_type) is none of the messages");
  return *kind;
}

// The map's entries are in another order: the tag is looked up first and then passed over like an unknown key.
envelope decode_unordered(bytes_view body, const decode_limits& limits) {
  const auto tag = find_key(body, tag_key);
  if (!tag) throw decode_error({}, "the map has no msg_type");
  reader tag_reader(*tag, limits);
  const message_kind kind = read_tag(tag_reader);
  reader in(body, limits);
  const std::size_t entries = in.map_header();
  return decode_kind(kind, in, entries);
}

}  // namespace

envelope decode_envelope(bytes_view body, const decode_limits& limits) {
  if (body.empty()) throw protocol_error("a frame without a body is no message");
  try {
    reader header(body, limits);
    const std::size_t entries = header.map_header();
    if (entries == 0 || !header.try_bytes(encoded_tag_key)) return decode_unordered(body, limits);
    const message_kind kind = read_tag(header);
    return decode_kind(kind, header, entries - 1);
  } catch (const decode_error& error) {
    throw protocol_error("undecodable message: " + error.message());
  }
}

}  // namespace tractor::msg
