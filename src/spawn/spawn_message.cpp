// SPDX-License-Identifier: Apache-2.0

#include "spawn_message.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "fork_path.hpp"
#include "payload.hpp"
#include "tractor/base/error.hpp"
#include "tractor/spawn/spawn_request.hpp"

namespace tractor::spawn::detail {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw error(std::string("the fork server got a request that is malformed: ") + what, error_category::protocol);
}

class reader {
 public:
  reader(std::span<const std::byte> bytes, received_message& received) : bytes_(bytes), received_(received) {}

  std::span<const std::byte> take(std::size_t count) {
    if (count > bytes_.size()) refuse("it is too short");
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }

  template <class Struct>
  void copy_to(Struct& out) {
    std::memcpy(&out, take(sizeof(out)).data(), sizeof(out));
  }

  unique_fd take_descriptor() {
    if (next_ == received_.descriptor_count) refuse("a descriptor is missing");
    return std::move(received_.descriptors[next_++]);
  }

  field_view take_field(const request_field& field, std::size_t bytes_max) {
    if (field.bytes > bytes_max) refuse("a field is too long");
    field_view view{.bytes = field.bytes};
    if (field.in_file != 0)
      view.file = take_descriptor();
    else
      view.inline_bytes = take(field.bytes);
    return view;
  }

  void end() const {
    if (!bytes_.empty() || next_ != received_.descriptor_count) refuse("it is too long");
  }

 private:
  std::span<const std::byte> bytes_;
  received_message& received_;
  std::size_t next_ = 0;
};

}  // namespace

TRACTOR_FORK_PATH bool field_view::read(std::span<std::byte> out) const noexcept {
  if (file) return read_memory_file(file.get(), out);
  std::ranges::copy(inline_bytes, out.begin());
  return true;
}

spawn_message spawn_message::parse(std::span<const std::byte> bytes, received_message& received) {
  reader in(bytes, received);
  spawn_message message;
  in.copy_to(message.header);
  const request_header& header = message.header;
  message.link = in.take_descriptor();
  message.child_stderr = in.take_descriptor();
  if (header.has_stdout != 0) message.child_stdout = in.take_descriptor();
  if (header.has_directory != 0) message.directory = in.take_descriptor();
  if (header.has_facts != 0) message.facts = in.take(sizeof(world_facts));
  if (header.name_bytes > actor_name_bytes_max) refuse("the name is too long");
  const auto name = in.take(header.name_bytes);
  message.name = {reinterpret_cast<const char*>(name.data()), name.size()};
  message.environment = in.take_field(header.environment, environment_bytes_max);
  message.overrides = in.take_field(header.overrides, environment_bytes_max);
  message.boot = in.take_field(header.boot, boot_bytes_max);
  in.end();
  return message;
}

TRACTOR_FORK_PATH void spawn_message::close_below(int bound) noexcept {
  for (unique_fd* fd : {&link, &child_stderr, &child_stdout, &directory, &environment.file, &overrides.file, &boot.file}) {
    if (fd->get() < bound) fd->reset();
    static_cast<void>(fd->release());
  }
}

}  // namespace tractor::spawn::detail
