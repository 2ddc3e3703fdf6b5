// SPDX-License-Identifier: Apache-2.0

#include "tractor/runtime/errors.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "tractor/base/log.hpp"
#include "tractor/msg/errors.hpp"
#include "tractor/msg/payload.hpp"
#include "tractor/msg/quoted.hpp"
#include "tractor/msg/utf8.hpp"
#include "tractor/runtime/module.hpp"
#include "tractor/sc/errors.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/run.hpp"

namespace tractor {

namespace {
constinit logger log_of_errors("tractor.runtime.errors");
}

runtime_failure::runtime_failure(std::string message, error_category category) : error(std::move(message), category) {}
runtime_failure::~runtime_failure() = default;
actor_failure::actor_failure(std::string message, std::optional<spawn::death_certificate> certificate)
    : runtime_failure(std::move(message)), certificate_(std::move(certificate)) {}
actor_failure::~actor_failure() = default;
actor_too_slow_error::actor_too_slow_error(std::string message) : runtime_failure(std::move(message), error_category::overloaded) {}
actor_too_slow_error::~actor_too_slow_error() = default;
no_runtime::no_runtime(std::string message) : error(std::move(message), error_category::usage) {}
no_runtime::~no_runtime() = default;
no_result::no_result(std::string message) : error(std::move(message), error_category::usage) {}
no_result::~no_result() = default;
module_not_exposed::module_not_exposed(std::string message) : error(std::move(message), error_category::unimplemented) {}
module_not_exposed::~module_not_exposed() = default;
attribute_error::attribute_error(std::string message) : error(std::move(message), error_category::unimplemented) {}
attribute_error::~attribute_error() = default;
type_error::type_error(std::string message) : error(std::move(message), error_category::usage) {}
type_error::~type_error() = default;
messaging_error::messaging_error(std::string message) : error(std::move(message), error_category::protocol) {}
messaging_error::~messaging_error() = default;
keyboard_interrupt::keyboard_interrupt(std::string message) : error(std::move(message)) {}
keyboard_interrupt::~keyboard_interrupt() = default;
terminated::terminated(std::string message) : error(std::move(message)) {}
terminated::~terminated() = default;

std::string stack_text(std::span<const code_place> stack) noexcept try {
  std::vector<stack_frame> frames = symbolise_places(stack);
  // What stands around the program's own functions: a sanitizer's part in the throw, and what resumed the coroutine.
  const auto begins = [](const stack_frame& frame, std::string_view with) { return frame.function.starts_with(with); };
  while (!frames.empty() && begins(frames.front(), "__")) frames.erase(frames.begin());
  while (!frames.empty() && begins(frames.back(), "tractor::")) frames.pop_back();
  std::string text;
  for (auto& frame : frames) {
    frame.function = sc::detail::function_name(frame.function);
    text += (text.empty() ? "  thrown in " : "  called in ") + to_text(frame) + '\n';
  }
  return text;
} catch (...) {
  return {};  // memory is short: what is printed with it is not to be lost too
}

std::string to_string(const uid& who) { return msg::escaped(who.name) + "@" + msg::escaped(who.uuid.substr(0, 6)); }

namespace {

std::string died_text(const uid& who, const spawn::death_certificate& certificate, const std::string& stderr_tail) {
  std::string text = "actor " + msg::quoted(who.name) + " (pid " + std::to_string(certificate.pid) + ") died: " + certificate.text();
  if (!stderr_tail.empty()) {
    text += "\nthe end of its stderr:\n";
    text += stderr_tail;
    if (text.back() == '\n') text.pop_back();
  }
  return text;
}

std::string heading(const msg::error_msg& fields, std::string_view type_name) {
  std::string text;
  if (type_name == "context_cancelled") {
    text = "the task in actor " + msg::quoted(fields.src_uid.name) + " was cancelled";
    if (fields.canceller)
      text += fields.canceller->uuid == fields.src_uid.uuid ? " by itself" : " by actor " + msg::quoted(fields.canceller->name);
  } else {
    text = "the task in actor " + msg::quoted(fields.src_uid.name) + " raised " + msg::quoted(fields.src_type_str);
  }
  if (fields.message && !fields.message->empty()) text += ": " + *fields.message;
  return text;
}

// The fields that say something, as text.
std::vector<std::pair<std::string_view, std::string>> telling_fields(const msg::error_msg& fields) {
  std::vector<std::pair<std::string_view, std::string>> found{{"src_uid", to_string(fields.src_uid)}};
  if (fields.cid) found.emplace_back("cid", msg::escaped(*fields.cid));
  if (fields.boxed_type_str != fields.src_type_str) {
    found.emplace_back("src_type", msg::escaped(fields.src_type_str));
    found.emplace_back("boxed_type", msg::escaped(fields.boxed_type_str));
  }
  if (fields.relay_path.size() > 1) {
    std::string path;
    for (const uid& each : fields.relay_path) path += (path.empty() ? "" : " -> ") + to_string(each);
    found.emplace_back("relay_path", std::move(path));
  }
  if (fields.canceller) found.emplace_back("canceller", to_string(*fields.canceller));
  if (fields.sender) found.emplace_back("sender", to_string(*fields.sender));
  return found;
}

void append_box(std::string& text, const std::string& title, std::string_view lines) {
  text += "\n +-- " + title;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    text += "\n | ";
    text += lines.substr(0, end);
    if (end == std::string_view::npos) break;
    lines.remove_prefix(end + 1);
  }
  text += "\n +--";
}

// The error as S-ERR-8 shows it: the message, the fields that say something, and the trace in a box. Of one that was passed on the trace is
// that of who did, with that of whom it came from in it; the stack is of who threw, and has a box of its own.
std::string rendered(const std::string& message, const msg::error_msg& fields, const std::string& stack) {
  std::string text = message;
  for (const auto& [name, value] : telling_fields(fields)) text += "\n |_" + std::string(name) + "=" + value;
  const bool is_passed_on = fields.relay_path.size() > 1;
  const std::string lines = (is_passed_on ? std::string() : stack) + fields.tb_str;
  if (!lines.empty())
    append_box(
        text,
        (is_passed_on ? "passed on by " : "raised in ") + to_string(fields.relay_path.empty() ? fields.src_uid : fields.relay_path.back()),
        lines);
  if (is_passed_on && !stack.empty()) append_box(text, "thrown in " + to_string(fields.src_uid), stack);
  return text;
}

}  // namespace

actor_died::actor_died(uid who, spawn::death_certificate certificate, std::string stderr_tail)
    : transport_closed(died_text(who, certificate, stderr_tail)),
      who_(std::move(who)),
      certificate_(std::move(certificate)),
      stderr_tail_(std::move(stderr_tail)) {}
actor_died::~actor_died() = default;

struct remote_actor_error::contents {
  msg::error_msg fields;
  msg::error_detail detail;
  std::string type_name;
  std::vector<std::exception_ptr> members{};
  mutable std::once_flag rendered{};
  mutable std::string text{};

  contents(msg::error_msg f, msg::error_detail d, std::string_view type) : fields(std::move(f)), detail(std::move(d)), type_name(type) {
    // What ours do not send is not kept, wherever it comes from.
    if (detail.stack.size() > sc::detail::throw_stack_max) detail.stack.resize(sc::detail::throw_stack_max);
    std::erase_if(detail.stack, [](const code_place& place) { return place.module.size() > module_bytes_max; });
    if (detail.type.size() > error_type_bytes_max) detail.type.clear();
    if (detail.members.empty()) return;
    const one_deeper here;
    if (here.depth() > error_depth_max || !here.count(detail.members.size())) {
      detail.members.clear();
      return;
    }
    for (const auto& each : detail.members) {
      auto member = msg::decode<msg::error_member>(each);
      members.push_back(unpack_error(std::move(member.error), std::move(member.detail)));
    }
  }

 private:
  static constexpr std::size_t module_bytes_max = 4096;  // PATH_MAX
  // Members are unpacked by the constructors of theirs: how deep this one is, and how many there are in all.
  class one_deeper {
   public:
    one_deeper() noexcept {
      if (depth_++ == 0) members_ = 0;
    }
    one_deeper(const one_deeper&) = delete;
    one_deeper& operator=(const one_deeper&) = delete;
    ~one_deeper() { --depth_; }
    [[nodiscard]] static std::size_t depth() noexcept { return depth_; }
    [[nodiscard]] static bool count(std::size_t more) noexcept { return (members_ += more) <= error_members_max; }

   private:
    static constinit thread_local std::size_t depth_;
    static constinit thread_local std::size_t members_;
  };
};
constinit thread_local std::size_t remote_actor_error::contents::one_deeper::depth_ = 0;
constinit thread_local std::size_t remote_actor_error::contents::one_deeper::members_ = 0;

remote_actor_error::remote_actor_error(msg::error_msg fields, msg::error_detail detail, std::string_view type_name)
    : error(heading(fields, type_name)), held_(std::make_shared<const contents>(std::move(fields), std::move(detail), type_name)) {}
remote_actor_error::remote_actor_error(const remote_actor_error&) = default;
remote_actor_error::~remote_actor_error() = default;

const msg::error_msg& remote_actor_error::fields() const noexcept { return held_->fields; }
const msg::error_detail& remote_actor_error::detail() const noexcept { return held_->detail; }
const std::vector<std::exception_ptr>& remote_actor_error::members() const noexcept { return held_->members; }
const std::vector<code_place>& remote_actor_error::stack() const noexcept { return held_->detail.stack; }

std::string remote_actor_error::one_line() const {
  std::string text;
  for (const auto& [name, value] : telling_fields(fields())) text += (text.empty() ? "" : ", ") + std::string(name) + "=" + value;
  return held_->type_name + "[" + msg::escaped(boxed_type_str()) + "](" + text + ")";
}

std::string remote_actor_error::text_without_stack() const { return rendered(message(), fields(), {}); }

const char* remote_actor_error::what() const noexcept {
  try {
    std::call_once(held_->rendered, [this] { held_->text = rendered(message(), fields(), stack_text(stack())); });
    return held_->text.c_str();
  } catch (...) {
    return message().c_str();  // memory is short
  }
}

context_cancelled::context_cancelled(msg::error_msg fields, msg::error_detail detail)
    : remote_actor_error(std::move(fields), std::move(detail), "context_cancelled") {}
context_cancelled::~context_cancelled() = default;
msg_type_error::msg_type_error(msg::error_msg fields, msg::error_detail detail)
    : remote_actor_error(std::move(fields), std::move(detail), "msg_type_error") {}
msg_type_error::~msg_type_error() = default;
stream_overrun::stream_overrun(msg::error_msg fields) : remote_actor_error(std::move(fields), {}, "stream_overrun") {}
stream_overrun::~stream_overrun() = default;

namespace {

template <class Exception>
std::exception_ptr make(const std::string& text) {
  if constexpr (std::is_constructible_v<Exception, const std::string&>)
    return std::make_exception_ptr(Exception(text));
  else
    return std::make_exception_ptr(Exception());
}

template <class Exception>
bool holds(const std::exception_ptr& error) {
  return exception_ptr_cast<Exception>(error) != nullptr;
}

struct type_row {
  const char* name;
  bool (*matches)(const std::exception_ptr&);
  const std::type_info* type;
  detail::make_error make = nullptr;  // of the first row of a name
};
template <class Exception>
constexpr type_row known_as(const char* name) {
  return {.name = name, .matches = &holds<Exception>, .type = &typeid(Exception)};
}
template <class Exception>
constexpr type_row made_as(const char* name) {
  return {.name = name, .matches = &holds<Exception>, .type = &typeid(Exception), .make = &make<Exception>};
}

// Most derived first. The standard library's types take the names of Python's that mean the same.
constexpr std::array type_rows{
    known_as<context_cancelled>("ContextCancelled"),
    known_as<msg_type_error>("MsgTypeError"),
    known_as<stream_overrun>("StreamOverrun"),
    known_as<remote_actor_error>("RemoteActorError"),
    made_as<transport_closed>("TransportClosed"),
    made_as<actor_failure>("ActorFailure"),
    made_as<actor_too_slow_error>("ActorTooSlowError"),
    made_as<runtime_failure>("RuntimeFailure"),
    made_as<no_runtime>("NoRuntime"),
    made_as<no_result>("NoResult"),
    made_as<module_not_exposed>("ModuleNotExposed"),
    made_as<attribute_error>("AttributeError"),
    made_as<type_error>("TypeError"),
    made_as<messaging_error>("MessagingError"),
    made_as<keyboard_interrupt>("KeyboardInterrupt"),
    made_as<terminated>("SystemExit"),
    known_as<sc::exception_group>("ExceptionGroup"),
    made_as<sc::end_of_channel>("EndOfChannel"),
    made_as<sc::closed_resource_error>("ClosedResourceError"),
    made_as<sc::broken_resource_error>("BrokenResourceError"),
    made_as<sc::busy_resource_error>("BusyResourceError"),
    made_as<sc::would_block>("WouldBlock"),
    made_as<sc::too_slow_error>("TooSlowError"),
    known_as<msg::encode_error>("MsgTypeError"),
    known_as<msg::decode_error>("MsgTypeError"),
    known_as<os_error>("OSError"),
    known_as<std::system_error>("OSError"),
    made_as<std::out_of_range>("IndexError"),
    made_as<std::invalid_argument>("ValueError"),
    known_as<std::domain_error>("ValueError"),
    made_as<std::overflow_error>("OverflowError"),
    made_as<std::bad_alloc>("MemoryError"),
};

// Those that travel by their C++ names, or behind one of the above, and are made from their text.
struct cpp_row {
  const char* name;
  detail::make_error make;
};
constexpr std::array cpp_rows{
    cpp_row{"std::domain_error", &make<std::domain_error>},
    cpp_row{"std::logic_error", &make<std::logic_error>},
    cpp_row{"std::length_error", &make<std::length_error>},
    cpp_row{"std::range_error", &make<std::range_error>},
    cpp_row{"std::underflow_error", &make<std::underflow_error>},
    cpp_row{"tractor::usage_error", &make<usage_error>},
    cpp_row{"tractor::sc::scope_cancelled_error", &make<sc::scope_cancelled_error>},
    cpp_row{"tractor::sc::deadlock_error", &make<sc::deadlock_error>},
    cpp_row{"tractor::sc::swallowed_cancel_error", &make<sc::swallowed_cancel_error>},
};

detail::make_error find_cpp(std::string_view name) noexcept {
  const auto* const found = std::ranges::find_if(cpp_rows, [&](const cpp_row& row) { return name == row.name; });
  return found != cpp_rows.end() ? found->make : nullptr;
}

// Derived classes of the standard's bases are the user's own types and keep their own names.
bool is_exactly_runtime_error(const std::exception_ptr& error) { return *error.__cxa_exception_type() == typeid(std::runtime_error); }

// Its name on the wire says all of its type.
bool is_what_its_name_says(const std::exception_ptr& error) {
  const std::type_info& type = *error.__cxa_exception_type();
  return is_exactly_runtime_error(error) || !detail::registered_name(type).empty() ||
         std::ranges::any_of(type_rows, [&](const type_row& row) { return row.make != nullptr && *row.type == type; });
}

}  // namespace

std::string wire_type_name(const std::exception_ptr& error) {
  if (!error) return "<unknown>";
  if (const auto registered = detail::registered_name(*error.__cxa_exception_type()); !registered.empty()) return std::string(registered);
  for (const auto& row : type_rows)
    if (row.matches(error)) return row.name;
  if (is_exactly_runtime_error(error) || holds<usage_error>(error)) return "RuntimeError";
  return sc::type_name_of(error);
}

std::exception_ptr remote_actor_error::boxed() const {
  const std::string& name = src_type_str();
  const std::string text = fields().message.value_or("");
  if (name == "ExceptionGroup" && !members().empty()) {
    std::vector<std::exception_ptr> originals;
    for (const auto& member : members()) {
      const auto* const remote = exception_ptr_cast<remote_actor_error>(member);
      const std::exception_ptr original = remote != nullptr ? remote->boxed() : nullptr;
      originals.push_back(original ? original : member);
    }
    return std::make_exception_ptr(sc::exception_group(detail().title, std::move(originals)));
  }
  if (const detail::make_error registered = detail::find_error(cpp_name())) return registered(text);
  if (const detail::make_error exactly = find_cpp(cpp_name())) return exactly(text);
  for (const auto& row : type_rows)
    if (row.make != nullptr && name == row.name) return row.make(text);
  if (name == "RuntimeError") return make<std::runtime_error>(text);
  const detail::make_error registered = detail::find_error(name);
  return registered != nullptr ? registered(text) : nullptr;
}

const std::string& remote_actor_error::cpp_name() const noexcept { return detail().type.empty() ? src_type_str() : detail().type; }

bool remote_actor_error::is_named(const std::type_info& type) const { return cpp_name() == sc::type_name_of(type); }

void remote_actor_error::rethrow_boxed() const {
  if (const std::exception_ptr original = boxed()) std::rethrow_exception(original);
  throw runtime_failure(src_type_str() + ": " + fields().message.value_or(""));
}

namespace {

// Any text of a program as text that can be sent: UTF-8, and not without bound.
std::string sendable(std::string text) {
  if (text.size() > error_text_bytes_max) {
    std::size_t end = error_text_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    text.resize(end);
    text += " […]";
  }
  if (msg::is_utf8(text)) return text;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string shown;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80)
      shown += c;
    else
      for (const char part : {'\\', 'x', digits[static_cast<unsigned char>(c) >> 4U], digits[static_cast<unsigned char>(c) & 15U]})
        shown += part;
  }
  return shown;
}

// What an error says, without what takes long to find out.
std::string brief(const std::exception_ptr& error) {
  if (const auto* const remote = exception_ptr_cast<remote_actor_error>(error)) return remote->text_without_stack();
  if (const auto* const group = exception_ptr_cast<sc::exception_group>(error)) return group->text(&brief);
  return sc::describe(error);
}

// What may still be sent of the members of a group.
struct members_budget {
  std::size_t members = error_members_max;
  std::size_t bytes = error_members_bytes_max;
};

struct size_of_group {
  std::size_t depth = 0;
  std::size_t members = 0;
};
size_of_group measure(const std::vector<std::exception_ptr>& members) {
  size_of_group all;
  for (const auto& member : members) {
    const auto* const remote = exception_ptr_cast<remote_actor_error>(member);
    const size_of_group one = remote != nullptr ? measure(remote->members()) : size_of_group();
    all.depth = std::max(all.depth, one.depth + 1);
    all.members += one.members + 1;
  }
  return all;
}

// `depth`: in how many groups it is.
msg::error_detail detail_of(const std::exception_ptr& error, const uid& self, members_budget& left, std::size_t depth) {
  msg::error_detail packed;
  if (const auto* const remote = exception_ptr_cast<remote_actor_error>(error)) {
    packed = remote->detail();
    const size_of_group size = measure(remote->members());
    if (depth + size.depth > error_depth_max || size.members > left.members)
      packed.members.clear();
    else
      left.members -= size.members;
    return packed;
  }
  packed.stack = code_places(sc::throw_stack(error));
  for (auto& place : packed.stack) place.module = sendable(std::move(place.module));
  if (!is_what_its_name_says(error))
    if (std::string type = sc::type_name_of(error); type.size() <= error_type_bytes_max && type != wire_type_name(error))
      packed.type = sendable(std::move(type));
  const auto* const group = exception_ptr_cast<sc::exception_group>(error);
  if (group == nullptr || depth == error_depth_max) return packed;
  packed.title = sendable(group->title());
  members_budget rest = left;
  for (const auto& member : group->exceptions()) {
    if (rest.members == 0) break;
    --rest.members;
    members_budget within = rest;
    msg::buffer item;
    msg::encode(item,
                msg::error_member{.error = pack_error(member, self, std::nullopt), .detail = detail_of(member, self, within, depth + 1)});
    if (item.size() > rest.bytes) break;
    rest = {.members = within.members, .bytes = rest.bytes - item.size()};
    packed.members.emplace_back(item.view());
  }
  // All of them or none: some would be taken for all.
  if (packed.members.size() == group->exceptions().size())
    left = rest;
  else
    packed.members.clear();
  return packed;
}

}  // namespace

msg::error_detail pack_error_detail(const std::exception_ptr& error, const uid& self) {
  members_budget left;
  return detail_of(error, self, left, 0);
}

void encode_error(msg::buffer& out, const std::exception_ptr& error, const uid& self, std::optional<std::string> cid, bool with_detail) {
  msg::buffer item;
  if (with_detail) {
    try {
      const msg::error_detail detail = pack_error_detail(error, self);
      if (!detail.members.empty() || !detail.stack.empty() || !detail.type.empty()) msg::encode(item, detail);
    } catch (const std::exception&) {
      item.clear();  // for want of memory, say: the error itself matters more
    }
  }
  const msg::extra_field extra[] = {{.key = msg::error_detail_key, .item = item.view()}};
  msg::encode_error_msg(out, pack_error(error, self, std::move(cid)), msg::extra_fields(extra, item.empty() ? 0 : 1));
}

msg::error_msg pack_error(const std::exception_ptr& error, const uid& self, std::optional<std::string> cid) {
  msg::error_msg packed;
  packed.cid = std::move(cid);
  if (const auto* const remote = exception_ptr_cast<remote_actor_error>(error)) {
    const auto& fields = remote->fields();
    packed.src_uid = fields.src_uid;
    packed.src_type_str = sendable(fields.src_type_str);
    packed.boxed_type_str = wire_type_name(error);
    packed.relay_path = fields.relay_path;
    // Where it began stays, and whom it passed last.
    if (auto& path = packed.relay_path; path.size() >= relay_path_max)
      path.erase(path.begin() + 1, path.end() - static_cast<std::ptrdiff_t>(relay_path_max - 2));
    packed.canceller = fields.canceller;
    packed.sender = fields.sender;
    if (fields.message) packed.message = sendable(*fields.message);
    packed.tb_str = sc::await_trace(error) + remote->text_without_stack() + "\n";
  } else {
    packed.src_uid = self;
    packed.src_type_str = wire_type_name(error);
    packed.boxed_type_str = packed.src_type_str;
    packed.message = sendable(brief(error));
    packed.tb_str = sc::await_trace(error) + packed.src_type_str + ": " + *packed.message + "\n";
  }
  packed.tb_str = sendable(std::move(packed.tb_str));
  packed.relay_path.push_back(self);
  return packed;
}

msg::error_msg pack_unsendable(const std::exception_ptr& why, const uid& self, std::optional<std::string> cid) {
  msg::error_msg packed;
  packed.src_uid = self;
  packed.src_type_str = packed.boxed_type_str = "RuntimeFailure";
  packed.relay_path.push_back(self);
  packed.cid = std::move(cid);
  packed.message = sendable("the task ended with an error that cannot be sent: " + sc::describe(why));
  packed.tb_str = "RuntimeFailure: " + *packed.message + "\n";
  return packed;
}

namespace {

// It has a C++ type here, or one of the runtime's own.
bool type_known(std::string_view name) {
  return name == "RuntimeError" || name == "ExceptionGroup" || find_cpp(name) != nullptr || detail::find_error(name) != nullptr ||
         std::ranges::any_of(type_rows, [&](const auto& row) { return name == row.name; });
}

void say_what_is_odd(const msg::error_msg& fields) {
  if (fields.boxed_type_str == "ContextCancelled") {
    if (!fields.canceller)
      log_of_errors.warning("a task in actor ", msg::quoted(fields.src_uid.name), " was cancelled, and it does not say by whom");
  } else if (!type_known(fields.src_type_str)) {
    log_of_errors.warning("actor ", msg::quoted(fields.src_uid.name), " raised ", msg::quoted(fields.src_type_str),
                          ", a type that is not registered here: it arrives with its name and text only (mod.error<E>() registers one)");
  }
}

}  // namespace

std::exception_ptr unpack_error(msg::error_msg fields, msg::error_detail detail) {
  if (log_of_errors.enabled(log_level::warning)) say_what_is_odd(fields);
  if (fields.boxed_type_str == "ContextCancelled") return std::make_exception_ptr(context_cancelled(std::move(fields), std::move(detail)));
  if (fields.boxed_type_str == "MsgTypeError") return std::make_exception_ptr(msg_type_error(std::move(fields), std::move(detail)));
  return std::make_exception_ptr(remote_actor_error(std::move(fields), std::move(detail)));
}

msg::error_msg make_context_cancelled(const uid& self, const std::optional<uid>& canceller, std::string_view cid, std::string_view why) {
  msg::error_msg packed;
  packed.src_uid = self;
  packed.src_type_str = "ContextCancelled";
  packed.boxed_type_str = "ContextCancelled";
  packed.relay_path.push_back(self);
  packed.canceller = canceller;
  packed.cid = std::string(cid);
  packed.message = sendable(std::string(why));
  return packed;
}

std::exception_ptr make_payload_mismatch(const uid& source, std::string_view cid, msg::message_kind kind, msg::bytes_view payload,
                                         std::string_view spec, const error& why) {
  msg::error_msg fields;
  fields.src_uid = source;
  fields.src_type_str = fields.boxed_type_str = "MsgTypeError";
  fields.relay_path.push_back(source);
  fields.message = msg::payload_mismatch(kind, payload, spec, why.message());
  fields.tb_str = "MsgTypeError: " + *fields.message + "\n";
  fields.cid = std::string(cid);
  fields.bad_msg = msg::bad_message{.kind = kind, .cid = std::string(cid), .pld = msg::raw(payload)};
  return unpack_error(std::move(fields));
}

}  // namespace tractor
