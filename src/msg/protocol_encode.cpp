// SPDX-License-Identifier: Apache-2.0

#include <type_traits>

#include "tractor/msg/errors.hpp"
#include "tractor/msg/protocol.hpp"

namespace tractor::msg {

void frame_scope::refuse(std::size_t body, std::size_t frame_bytes_max) {
  throw encode_error({}, "a message of " + std::to_string(body) + " bytes is above the bound of " + std::to_string(frame_bytes_max) +
                             " (frame_bytes_max)");
}

namespace {

using namespace std::string_view_literals;

std::byte* put_text(std::byte* to, std::string_view bytes) noexcept { return detail::put_copy(to, bytes.data(), bytes.size()); }

// Room for the constant parts around one short text.
constexpr std::size_t constant_bytes_max = 48;

// Everything up to and with the header of `cid`'s key, for maps whose size is always the same.
constexpr std::string_view head_of(message_kind kind) noexcept {
  switch (kind) {
    case message_kind::started:
      return "\x83\xa8msg_type\xa7Started\xa3"
             "cid"sv;
    case message_kind::yield:
      return "\x83\xa8msg_type\xa5Yield\xa3"
             "cid"sv;
    case message_kind::return_:
      return "\x83\xa8msg_type\xa6Return\xa3"
             "cid"sv;
    case message_kind::cancel_ack:
      return "\x83\xa8msg_type\xa9"
             "CancelAck\xa3"
             "cid"sv;
    case message_kind::stop:
      return "\x82\xa8msg_type\xa4Stop\xa3"
             "cid"sv;
    default: return {};
  }
}

// `key` is encoded already, header and text.
void put_key_and_text(writer& out, std::string_view key, std::string_view text) {
  std::byte* to = out.out().room(constant_bytes_max + text.size());
  to = put_text(to, key);
  out.out().advance_to(out.put_str(to, text));
}

void put_extra(writer& out, extra_fields extra) {
  for (const extra_field& each : extra) {
    out.str(each.key);
    out.raw_item(each.item);
  }
}

// Messages that are not on the hot path go through the generic codec.
template <class Message>
void encode_generic(buffer& out, message_kind kind, const Message& message, std::size_t frame_bytes_max, extra_fields extra = {}) {
  frame_scope frame(out);
  writer to(out);
  to.map_header(1 + field_count<Message> + extra.size());
  to.str(tag_key);
  to.str(wire_name(kind));
  try {
    detail::encode_fields(to, message);
  } catch (const encode_error& error) {
    detail::rethrow_in_field(error, wire_name(kind));
  }
  put_extra(to, extra);
  frame.finish(frame_bytes_max);
}

// The Aid of the reference, and what ours has beyond it.
struct aid_fields {
  std::string_view name{};
  std::string_view uuid{};
  std::optional<std::int64_t> pid{};
  std::optional<bool> is_registrar{};
  bool is_probe = false;
};

}  // namespace

namespace detail {

void put_payload_head(writer& out, message_kind kind, std::string_view cid) {
  const std::string_view head = head_of(kind);
  TRACTOR_ASSERT(!head.empty(), "only Started, Yield, Return and CancelAck carry a payload");
  std::byte* to = out.out().room(constant_bytes_max + cid.size());
  to = put_text(to, head);
  to = out.put_str(to, cid);
  out.out().advance_to(put_text(to, "\xa3pld"sv));
}

void put_start_head(writer& out, std::string_view cid, std::string_view ns, std::string_view func, std::size_t extra_count) {
  out.map_header(7 + extra_count);
  put_key_and_text(out,
                   "\xa8msg_type\xa5Start\xa3"
                   "cid"sv,
                   cid);
  put_key_and_text(out, "\xa2ns"sv, ns);
  put_key_and_text(out,
                   "\xa4"
                   "func"sv,
                   func);
  out.out().append("\xa6kwargs"sv);
}

void put_start_tail(writer& out, uid_view uid, std::string_view pld_spec, extra_fields extra) {
  put_key_and_text(out, "\xa3uid\x92"sv, uid.name);
  out.str(uid.uuid);
  put_key_and_text(out, "\xa8pld_spec"sv, pld_spec);
  put_extra(out, extra);
}

}  // namespace detail

void encode_aid(buffer& out, const aid& message) {
  const aid_fields fields{message.name, message.uuid, message.pid, message.is_registrar, message.is_probe};
  std::array<buffer, 4> packed;
  std::array<extra_field, packed.size()> extra;
  std::size_t extra_count = 0;
  const auto add = [&](std::string_view key, const auto& field) {
    if (!field) return;
    encode(packed[extra_count], *field);
    extra[extra_count] = {.key = key, .item = packed[extra_count].view()};
    ++extra_count;
  };
  add("extensions", message.extensions);
  add("addrs", message.addrs);
  add("challenge", message.challenge);
  add("proof", message.proof);
  encode_generic(out, message_kind::aid, fields, frame_bytes_max_default, extra_fields(extra).first(extra_count));
}
void encode_spawn_spec(buffer& out, const spawn_spec& message) {
  encode_generic(out, message_kind::spawn_spec, message, frame_bytes_max_default);
}
void encode_error_msg(buffer& out, const error_msg& message, extra_fields extra, std::size_t frame_bytes_max) {
  encode_generic(out, message_kind::error, message, frame_bytes_max, extra);
}

void encode_start(buffer& out, const start& message, extra_fields extra, std::size_t frame_bytes_max) {
  frame_scope frame(out);
  writer to(out);
  detail::put_start_head(to, message.cid, message.ns, message.func, extra.size());
  if (message.kwargs.data.empty())
    to.map_header(0);
  else
    to.raw_item(message.kwargs);
  detail::put_start_tail(to, message.uid, message.pld_spec, extra);
  frame.finish(frame_bytes_max);
}

void encode_start_ack(buffer& out, std::string_view cid, function_kind functype, extra_fields extra) {
  frame_scope frame(out);
  writer to(out);
  to.map_header(3 + extra.size());
  put_key_and_text(to,
                   "\xa8msg_type\xa8StartAck\xa3"
                   "cid"sv,
                   cid);
  put_key_and_text(to,
                   "\xa8"
                   "functype"sv,
                   wire_name(functype));
  put_extra(to, extra);
  frame.finish();
}

void encode_stop(buffer& out, std::string_view cid) {
  frame_scope frame(out);
  writer to(out);
  put_key_and_text(to, head_of(message_kind::stop), cid);
  frame.finish();
}

void encode_cancel_ack(buffer& out, std::string_view cid, bool pld) {
  detail::encode_payload_message(out, message_kind::cancel_ack, cid, pld, frame_bytes_max_default);
}

void encode_credit(buffer& out, const credit& message) { encode_generic(out, message_kind::credit, message, frame_bytes_max_default); }

std::size_t yield_overhead_bytes(std::string_view cid) noexcept {
  const std::size_t header = cid.size() < 32 ? 1 : cid.size() <= 0xff ? 2 : cid.size() <= 0xffff ? 3 : 5;
  return frame_header_bytes + head_of(message_kind::yield).size() + header + cid.size() + "\xa3pld"sv.size();
}

void encode_envelope(buffer& out, const envelope& message) {
  const message_kind kind = kind_of(message);
  std::visit(
      [&]<class Message>(const Message& held) {
        if constexpr (std::is_same_v<Message, aid>)
          encode_aid(out, held);
        else if constexpr (std::is_same_v<Message, start>)
          encode_start(out, held);
        else if constexpr (std::is_same_v<Message, start_ack>)
          encode_start_ack(out, held.cid, held.functype);
        else if constexpr (std::is_same_v<Message, stop>)
          encode_stop(out, held.cid);
        else if constexpr (requires { held.pld; })
          detail::encode_payload_message(out, kind, held.cid, held.pld, frame_bytes_max_default);
        else
          encode_generic(out, kind, held, frame_bytes_max_default);
      },
      message);
}

}  // namespace tractor::msg
