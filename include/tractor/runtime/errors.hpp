// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong between actors. The names are the reference's in snake_case; on the wire they keep its spelling.
//
// An error raised in another actor arrives as `remote_actor_error`, which tells where it began, what it was, and through
// whom it came. The end of a remote task by cancellation arrives as `context_cancelled`, which says who asked for it. The death of
// a peer's process or connection is `actor_died` or plain `transport_closed`.

#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "tractor/base/error.hpp"
#include "tractor/base/exception_ptr_cast.hpp"
#include "tractor/base/stack_trace.hpp"
#include "tractor/ipc/channel.hpp"
#include "tractor/msg/protocol.hpp"
#include "tractor/spawn/death_certificate.hpp"

namespace tractor {

using msg::uid;

inline constexpr std::size_t relay_path_max = 64;  // actors that an error names as passed; beyond, those in the middle are left out
inline constexpr std::size_t error_text_bytes_max = 256 * 1024;  // of a message or a trace that is sent to another actor
inline constexpr std::size_t error_type_bytes_max = 1024;        // of a C++ type's name beside that on the wire; a longer one is not sent
inline constexpr std::size_t error_members_max = 64;             // of a group, with those of the groups in it, that are sent as errors
inline constexpr std::size_t error_members_bytes_max = 1024 * 1024;  // of them together
inline constexpr std::size_t error_depth_max = 8;                    // of groups in groups
inline constexpr std::size_t error_detail_bytes_max =
    2 * error_members_bytes_max;  // of all this in a received error; of more nothing is read

// Bad runtime environment, API misuse, or a failed spawn.
class TRACTOR_API runtime_failure : public error {
 public:
  explicit runtime_failure(std::string message, error_category category = error_category::failed);
  ~runtime_failure() override;
};

// A child process did not become an actor: it could not be started, or ended, or stayed silent before it had said who it is.
class TRACTOR_API actor_failure : public runtime_failure {
 public:
  explicit actor_failure(std::string message, std::optional<spawn::death_certificate> certificate = std::nullopt);
  ~actor_failure() override;
  // How its process ended; none where there was none, or where it had to be killed.
  [[nodiscard]] const std::optional<spawn::death_certificate>& certificate() const noexcept { return certificate_; }

 private:
  std::optional<spawn::death_certificate> certificate_;
};

// A cancelled actor did not acknowledge in time. Deliberately not a sc::too_slow_error.
class TRACTOR_API actor_too_slow_error : public runtime_failure {
 public:
  explicit actor_too_slow_error(std::string message);
  ~actor_too_slow_error() override;
};

// There is no actor here: the call needs tractor::run or tractor::open_nursery around it.
class TRACTOR_API no_runtime : public error {
 public:
  explicit no_runtime(std::string message);
  ~no_runtime() override;
};

// A portal that has no main task was asked for its result.
class TRACTOR_API no_result : public error {
 public:
  explicit no_result(std::string message);
  ~no_result() override;
};

// The peer does not offer the module that was called; the message says how to enable it.
class TRACTOR_API module_not_exposed : public error {
 public:
  explicit module_not_exposed(std::string message);
  ~module_not_exposed() override;
};

// The module is there, the function in it is not.
class TRACTOR_API attribute_error : public error {
 public:
  explicit attribute_error(std::string message);
  ~attribute_error() override;
};

// Wrong arguments, or a function of the wrong kind.
class TRACTOR_API type_error : public error {
 public:
  explicit type_error(std::string message);
  ~type_error() override;
};

// The peer sent something that the dialog does not allow at this point.
class TRACTOR_API messaging_error : public error {
 public:
  explicit messaging_error(std::string message);
  ~messaging_error() override;
};

// SIGINT reached the program (S-SIG-1).
class TRACTOR_API keyboard_interrupt : public error {
 public:
  explicit keyboard_interrupt(std::string message = "SIGINT");
  ~keyboard_interrupt() override;
};

// SIGTERM reached the program: a request to end in good order (S-SIG-5).
class TRACTOR_API terminated : public error {
 public:
  explicit terminated(std::string message = "SIGTERM");
  ~terminated() override;
};

// A child actor's process ended without having been asked to. Ends every dialog with it.
class TRACTOR_API actor_died : public transport_closed {
 public:
  actor_died(uid who, spawn::death_certificate certificate, std::string stderr_tail);
  ~actor_died() override;
  [[nodiscard]] const uid& who() const noexcept { return who_; }
  [[nodiscard]] const spawn::death_certificate& certificate() const noexcept { return certificate_; }
  // The last bytes (16 KiB at most) that it wrote to stderr.
  [[nodiscard]] const std::string& stderr_tail() const noexcept { return stderr_tail_; }

 private:
  uid who_;
  spawn::death_certificate certificate_;
  std::string stderr_tail_;
};

// An error raised in another actor (S-ERR-1). Copies share what they hold.
class TRACTOR_API remote_actor_error : public error {
 public:
  explicit remote_actor_error(msg::error_msg fields, msg::error_detail detail = {}, std::string_view type_name = "remote_actor_error");
  remote_actor_error(const remote_actor_error&);
  ~remote_actor_error() override;

  // The whole story: who raised what, whom it passed, the stack of the throw and the await chain. Made when it is first asked for: to name
  // the functions of a stack takes milliseconds, once for each place. message() is its first line.
  [[nodiscard]] const char* what() const noexcept override;

  // The type and the fields in one line, for a log: "remote_actor_error[ValueError](src_uid=worker@1f2e3d, cid=…)".
  [[nodiscard]] std::string one_line() const;

  [[nodiscard]] const uid& src_uid() const noexcept { return fields().src_uid; }
  [[nodiscard]] const std::string& src_type_str() const noexcept { return fields().src_type_str; }
  [[nodiscard]] const std::string& boxed_type_str() const noexcept { return fields().boxed_type_str; }
  // Every actor that passed it on, the source first.
  [[nodiscard]] const std::vector<uid>& relay_path() const noexcept { return fields().relay_path; }
  [[nodiscard]] uid relay_uid() const { return relay_path().empty() ? src_uid() : relay_path().back(); }
  // The text of the last packer's trace, which contains the earlier ones.
  [[nodiscard]] const std::string& tb_str() const noexcept { return fields().tb_str; }
  [[nodiscard]] const std::optional<uid>& sender() const noexcept { return fields().sender; }
  [[nodiscard]] const std::optional<std::string>& cid() const noexcept { return fields().cid; }
  // The box holds an error that was remote already where it was boxed.
  [[nodiscard]] bool is_inception() const noexcept { return boxed_type_str() != src_type_str(); }
  [[nodiscard]] const msg::error_msg& fields() const noexcept;

  // Of a group the members (S-ERR-7), remote_actor_errors that tell where each began. Empty for any other error, and where whoever packed
  // the group is not of this library, or they would have been too many or too large: then the text alone tells of them.
  [[nodiscard]] const std::vector<std::exception_ptr>& members() const noexcept;
  // Where it was thrown, innermost first, for symbolise_places (base/stack_trace.hpp). Empty where that is not known (sc::throw_stack), or
  // whoever raised it is not of this library.
  [[nodiscard]] const std::vector<code_place>& stack() const noexcept;

  // The error that was raised first, made anew from its text: as itself where it is of the standard library or of tractor and holds no more
  // than a text, or a module of this program registers its type (module_builder::error); of a type that is derived from one of those, and
  // travels by its name, as that one; a group of members that are themselves again where they can be. Null for any other, such as those
  // with an errno. (Of a "ValueError" that a program of the reference raised nobody knows more: it is a std::invalid_argument.)
  [[nodiscard]] std::exception_ptr boxed() const;
  // It was an E, or is made anew as something derived from E. What cannot be made anew is known by its own type only, not by its bases.
  template <class E>
  [[nodiscard]] bool is() const {
    if (is_named(typeid(E))) return true;
    const std::exception_ptr original = boxed();
    return original && exception_ptr_cast<E>(original) != nullptr;
  }
  // Throws boxed(); where that is null a runtime_failure with the type's name and text (S-ERR-5).
  [[noreturn]] void rethrow_boxed() const;

  // --- for the runtime ---
  [[nodiscard]] const msg::error_detail& detail() const noexcept;
  [[nodiscard]] std::string text_without_stack() const;

 private:
  struct contents;
  [[nodiscard]] const std::string& cpp_name() const noexcept;
  [[nodiscard]] bool is_named(const std::type_info& type) const;

  std::shared_ptr<const contents> held_;  // the exception is copied by exception_ptr machinery, this is not
};

// The remote task was cancelled; `canceller` is the actor that asked for it.
class TRACTOR_API context_cancelled : public remote_actor_error {
 public:
  explicit context_cancelled(msg::error_msg fields, msg::error_detail detail = {});
  ~context_cancelled() override;
  [[nodiscard]] const std::optional<uid>& canceller() const noexcept { return fields().canceller; }
};

// A payload does not fit the type that the dialog declares.
class TRACTOR_API msg_type_error : public remote_actor_error {
 public:
  explicit msg_type_error(msg::error_msg fields, msg::error_detail detail = {});
  ~msg_type_error() override;
};

// The receiver's buffer was full and a message was dropped: thrown there, by its receive(). The sender gets a remote_actor_error with
// src_type_str "StreamOverrun".
class TRACTOR_API stream_overrun : public remote_actor_error {
 public:
  explicit stream_overrun(msg::error_msg fields);
  ~stream_overrun() override;
};

// The name an exception travels by: "ValueError" for std::invalid_argument, "RemoteActorError", …; the demangled C++ type where
// there is no such name.
[[nodiscard]] TRACTOR_API std::string wire_type_name(const std::exception_ptr& error);

// Boxes an error of this actor, or passes a remote one on: origin and relay path are kept over any number of hops (S-ERR-3).
[[nodiscard]] TRACTOR_API msg::error_msg pack_error(const std::exception_ptr& error, const uid& self, std::optional<std::string> cid);

// What of it that message has no room for: the members of a group, and the stack of the throw.
[[nodiscard]] TRACTOR_API msg::error_detail pack_error_detail(const std::exception_ptr& error, const uid& self);

// Appends the Error message of both; without the detail for a peer that does not know it. Throws msg::encode_error, and then appends
// nothing.
TRACTOR_API void encode_error(msg::buffer& out, const std::exception_ptr& error, const uid& self, std::optional<std::string> cid,
                              bool with_detail);

// The exception for a received Error message: context_cancelled, msg_type_error, or remote_actor_error (S-ERR-6). Throws msg::decode_error
// when a member in `detail` is none.
[[nodiscard]] TRACTOR_API std::exception_ptr unpack_error(msg::error_msg fields, msg::error_detail detail = {});

// The Error message of a cancelled remote task (S-CTX-42).
[[nodiscard]] TRACTOR_API msg::error_msg make_context_cancelled(const uid& self, const std::optional<uid>& canceller, std::string_view cid,
                                                                std::string_view why);

// The Error message for a task whose own error, or result, has no form on the wire: `why` says why not.
[[nodiscard]] TRACTOR_API msg::error_msg pack_unsendable(const std::exception_ptr& why, const uid& self, std::optional<std::string> cid);

// The msg_type_error for a received payload that does not fit `spec`, the type that is declared for it (S-COD-7).
[[nodiscard]] TRACTOR_API std::exception_ptr make_payload_mismatch(const uid& source, std::string_view cid, msg::message_kind kind,
                                                                   msg::bytes_view payload, std::string_view spec, const error& why);

// The stack of a throw as lines, innermost first: "  thrown in parse(char const*) at parser.cpp:12", then "  called in …". Without the
// functions of tractor that called the outermost. Empty for want of memory.
[[nodiscard]] TRACTOR_API std::string stack_text(std::span<const code_place> stack) noexcept;

// "name@uuid6": how a uid is written in messages.
[[nodiscard]] TRACTOR_API std::string to_string(const uid& who);

}  // namespace tractor
