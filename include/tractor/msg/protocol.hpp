// SPDX-License-Identifier: Apache-2.0
//
// The messages of the wire: the ten of S-MSG-1 to S-MSG-10, and Credit, which goes to peers only that asked for it. One msgpack map a
// frame, `msg_type` first, every field present.
//
// Decoding has two stages (S-COD-1). `decode_envelope` reads the message and leaves payloads and arguments as slices of the
// frame, to be decoded later against the type that the dialog knows:
//
//     auto message = decode_envelope(body);                      // throws protocol_error
//     if (auto* y = std::get_if<yield>(&message)) auto v = decode<progress>(y->pld, {}, "pld");
//
// `start`, `start_ack`, `started`, `yield`, `return_`, `stop` and `cancel_ack` are views into the frame body and die with
// it; they cost no allocation. `aid`, `spawn_spec` and `error_msg` own what they hold.
//
// Each `encode_…` appends one complete frame, header included, byte for byte as the reference writes it. When one throws
// (a payload without a msgpack form, a frame above `frame_bytes_max`), the buffer is left as it was.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tractor/base/stack_trace.hpp"
#include "tractor/msg/codec.hpp"
#include "tractor/msg/framing.hpp"
#include "tractor/msg/ordered_map.hpp"
#include "tractor/msg/raw.hpp"
#include "tractor/msg/value.hpp"

namespace tractor::msg {

// In the order of the alternatives of `envelope`.
enum class message_kind : std::uint8_t { aid, spawn_spec, start, start_ack, started, yield, return_, stop, cancel_ack, error, credit };

// "Aid", "SpawnSpec", …: the tag on the wire.
[[nodiscard]] TRACTOR_API std::string_view wire_name(message_kind kind) noexcept;

// An actor's identity, on the wire an array of two strings.
struct uid {
  std::string name{};
  std::string uuid{};
  friend auto operator<=>(const uid&, const uid&) = default;
};
struct uid_view {
  std::string_view name{};
  std::string_view uuid{};
  uid_view() = default;
  uid_view(std::string_view n, std::string_view u) : name(n), uuid(u) {}
  uid_view(const uid& from) : name(from.name), uuid(from.uuid) {}  // NOLINT(google-explicit-constructor): a view of it
  friend bool operator==(const uid_view&, const uid_view&) = default;
};

// [host, port] for TCP, [directory, file name] for UDS: the second element's type tells which.
using wire_address = std::pair<std::string, std::variant<std::string, std::int64_t>>;

// The first message on every connection, both ways. Two are the same actor when their uuids are (S-MSG-11).
struct aid {
  std::string name{};
  std::string uuid{};
  std::optional<std::int64_t> pid{};
  std::optional<bool> is_registrar{};
  bool is_probe = false;
  // What it understands beyond the messages of the reference, which neither sends nor reads the key.
  std::optional<std::vector<std::string>> extensions{};
  // Where it listens: from a child to its parent, which tells the registrar.
  std::optional<std::vector<wire_address>> addrs{};
  // In a tree with a secret, over TCP: random bytes to answer; and, in a second Aid, the answer (ipc/tree_secret.hpp).
  std::optional<bytes> challenge{};
  std::optional<bytes> proof{};
};

// From parent to child once the child has connected (S-MSG-5).
struct spawn_spec {
  value::map parent_main_data{};
  value::map runtime_vars{};
  ordered_map<std::string, std::string> enable_modules{};  // module to file path
  std::vector<wire_address> reg_addrs{};
  std::optional<std::vector<wire_address>> bind_addrs{};
};

inline constexpr std::string_view any_payload_spec = "typing.Any";

// Run a task (S-MSG-6).
struct start {
  std::string_view cid{};
  std::string_view ns{};
  std::string_view func{};
  raw_view kwargs{};  // a map
  uid_view uid{};
  std::string_view pld_spec = any_payload_spec;
  bool has_extra = false;  // the map held keys beyond the six: ask find_key(body, key)
};

enum class function_kind : std::uint8_t { asyncfunc, asyncgen, context };
[[nodiscard]] TRACTOR_API std::string_view wire_name(function_kind kind) noexcept;

struct start_ack {
  std::string_view cid{};
  function_kind functype = function_kind::asyncfunc;
  bool has_extra = false;
};
struct started {
  std::string_view cid{};
  raw_view pld{};
};
struct yield {
  std::string_view cid{};
  raw_view pld{};
};
struct return_ {
  std::string_view cid{};
  raw_view pld{};
};
struct stop {
  std::string_view cid{};
};
struct cancel_ack {
  std::string_view cid{};
  bool pld = false;
};

// The receiver of a stream has taken Yields of so many payload bytes, and has room for further ones: so many, or any number from here on.
// Not a message of the reference: a peer is sent it when it has put `credit_key` into its Start or StartAck.
struct credit {
  std::string_view cid{};
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> messages{};
};
inline constexpr std::string_view credit_key = "credit";

// A Started, Yield or Return that did not fit its dialog's type, kept whole.
struct bad_message {
  message_kind kind = message_kind::started;
  std::string cid{};
  raw pld{};
};

// Also carries ContextCancelled, StreamOverrun and MsgTypeError (S-MSG-9).
struct error_msg {
  uid src_uid{};
  std::string src_type_str{};
  std::string boxed_type_str{};
  std::vector<uid> relay_path{};
  std::optional<std::string> message{};
  std::string tb_str{};
  std::optional<uid> canceller{};
  std::optional<uid> sender{};
  std::optional<std::string> cid{};
  std::optional<bad_message> bad_msg{};
  std::optional<value::map> bad_msg_as_dict{};
};

// What of an error the reference has no room for: behind the key `error_detail_key` in an Error, for a peer whose Aid has that key among
// its extensions.
struct error_detail {
  std::string title{};              // of a group
  std::vector<raw> members{};       // of a group: an error_member each
  std::vector<code_place> stack{};  // where it was thrown
  std::string type{};               // its C++ name, where that by which it travels is another type's
};
struct error_member {
  error_msg error{};
  error_detail detail{};
};
inline constexpr std::string_view error_detail_key = "detail";
// Among the extensions of who registers over a connection that it keeps: what it has registered goes with that.
inline constexpr std::string_view registry_key = "registry";

using envelope = std::variant<aid, spawn_spec, start, start_ack, started, yield, return_, stop, cancel_ack, error_msg, credit>;

[[nodiscard]] inline message_kind kind_of(const envelope& message) noexcept { return static_cast<message_kind>(message.index()); }
// Of the messages of a dialog; empty for Aid, SpawnSpec and an Error without one.
[[nodiscard]] TRACTOR_API std::string_view cid_of(const envelope& message) noexcept;

// Reads one frame body. Any key order, unknown keys and longer forms are accepted. Throws protocol_error: an empty frame,
// not a map, no or an unknown tag, a missing key, a wrong type, trailing bytes; the text names message, field and value.
[[nodiscard]] TRACTOR_API envelope decode_envelope(bytes_view body, const decode_limits& limits = {});

// The value of a key in an encoded map: keys that this version does not know.
[[nodiscard]] TRACTOR_API std::optional<raw_view> find_key(bytes_view map, std::string_view key);

// A key beyond the message's own, written last: optional extensions that peers ignore when they do not know them.
struct extra_field {
  std::string_view key;
  bytes_view item;  // encoded
};
using extra_fields = std::span<const extra_field>;

TRACTOR_API void encode_aid(buffer& out, const aid& message);
TRACTOR_API void encode_spawn_spec(buffer& out, const spawn_spec& message);
TRACTOR_API void encode_error_msg(buffer& out, const error_msg& message, extra_fields extra = {},
                                  std::size_t frame_bytes_max = frame_bytes_max_default);
TRACTOR_API void encode_start(buffer& out, const start& message, extra_fields extra = {},
                              std::size_t frame_bytes_max = frame_bytes_max_default);
TRACTOR_API void encode_start_ack(buffer& out, std::string_view cid, function_kind functype, extra_fields extra = {});
TRACTOR_API void encode_stop(buffer& out, std::string_view cid);
TRACTOR_API void encode_cancel_ack(buffer& out, std::string_view cid, bool pld);
TRACTOR_API void encode_credit(buffer& out, const credit& message);
// What of a Yield's frame is not its payload, as encode_yield writes it.
[[nodiscard]] TRACTOR_API std::size_t yield_overhead_bytes(std::string_view cid) noexcept;

// `write_kwargs(writer&)` writes the map of arguments: a header and as many keys and values.
template <std::invocable<writer&> WriteKwargs>
void encode_start(buffer& out, std::string_view cid, std::string_view ns, std::string_view func, WriteKwargs&& write_kwargs, uid_view uid,
                  extra_fields extra = {}, std::size_t frame_bytes_max = frame_bytes_max_default);

// `payload` is any encodable value; a raw_view (or raw) goes out verbatim.
template <class Payload>
void encode_started(buffer& out, std::string_view cid, const Payload& payload, std::size_t frame_bytes_max = frame_bytes_max_default);
template <class Payload>
void encode_yield(buffer& out, std::string_view cid, const Payload& payload, std::size_t frame_bytes_max = frame_bytes_max_default);
template <class Payload>
void encode_return(buffer& out, std::string_view cid, const Payload& payload, std::size_t frame_bytes_max = frame_bytes_max_default);

// Any of them, from what decode_envelope made (relays, recordings, tests).
TRACTOR_API void encode_envelope(buffer& out, const envelope& message);

// One frame under construction in a buffer: room for the length first, the length last. Unless finished it takes back
// what was appended.
class TRACTOR_API frame_scope {
 public:
  explicit frame_scope(buffer& out) : out_(out), start_(out.size()) {
    static constexpr std::byte placeholder[frame_header_bytes] = {};
    out.append(placeholder, frame_header_bytes);
  }
  frame_scope(const frame_scope&) = delete;
  frame_scope& operator=(const frame_scope&) = delete;
  ~frame_scope() {
    if (!finished_) out_.truncate(start_);
  }
  // Throws encode_error when the body is larger than `frame_bytes_max`.
  void finish(std::size_t frame_bytes_max = frame_bytes_max_default) {
    const std::size_t body = out_.size() - start_ - frame_header_bytes;
    if (body > frame_bytes_max || body > 0xffff'ffff) [[unlikely]]
      refuse(body, frame_bytes_max);
    out_.patch_u32_le(start_, static_cast<std::uint32_t>(body));
    finished_ = true;
  }

 private:
  [[noreturn]] static void refuse(std::size_t body, std::size_t frame_bytes_max);

  buffer& out_;
  std::size_t start_;
  bool finished_ = false;
};

// ---------------------------------------------------------------------------------------------------------------------

namespace detail {

// Everything of Start before and behind the arguments; everything of Started, Yield and Return before the payload.
TRACTOR_API void put_start_head(writer& out, std::string_view cid, std::string_view ns, std::string_view func, std::size_t extra_count);
TRACTOR_API void put_start_tail(writer& out, uid_view uid, std::string_view pld_spec, extra_fields extra);
TRACTOR_API void put_payload_head(writer& out, message_kind kind, std::string_view cid);

template <class Payload>
void encode_payload_message(buffer& out, message_kind kind, std::string_view cid, const Payload& payload, std::size_t frame_bytes_max) {
  frame_scope frame(out);
  writer to(out);
  put_payload_head(to, kind, cid);
  try {
    encode_item(to, payload);
  } catch (const encode_error& error) {
    rethrow_in_field(error, "pld");
  }
  frame.finish(frame_bytes_max);
}

}  // namespace detail

template <std::invocable<writer&> WriteKwargs>
void encode_start(buffer& out, std::string_view cid, std::string_view ns, std::string_view func, WriteKwargs&& write_kwargs, uid_view uid,
                  extra_fields extra, std::size_t frame_bytes_max) {
  frame_scope frame(out);
  writer to(out);
  detail::put_start_head(to, cid, ns, func, extra.size());
  try {
    std::forward<WriteKwargs>(write_kwargs)(to);
  } catch (const encode_error& error) {
    detail::rethrow_in_field(error, "kwargs");
  }
  detail::put_start_tail(to, uid, any_payload_spec, extra);
  frame.finish(frame_bytes_max);
}

template <class Payload>
void encode_started(buffer& out, std::string_view cid, const Payload& payload, std::size_t frame_bytes_max) {
  detail::encode_payload_message(out, message_kind::started, cid, payload, frame_bytes_max);
}
template <class Payload>
void encode_yield(buffer& out, std::string_view cid, const Payload& payload, std::size_t frame_bytes_max) {
  detail::encode_payload_message(out, message_kind::yield, cid, payload, frame_bytes_max);
}
template <class Payload>
void encode_return(buffer& out, std::string_view cid, const Payload& payload, std::size_t frame_bytes_max) {
  detail::encode_payload_message(out, message_kind::return_, cid, payload, frame_bytes_max);
}

}  // namespace tractor::msg

#include "tractor/msg/detail/protocol_fields.hpp"
