// SPDX-License-Identifier: Apache-2.0
//
// Addresses of hosts: numbers here, names by the system in a thread. Asks nobody on the network. What the system may answer and does not
// here comes from a getaddrinfo() of this program.

#include "tractor/sc/resolve.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <memory>
#include <set>

#include "sc_test.hpp"
#include "tractor/sc/to_thread.hpp"

namespace {

// What getaddrinfo() gives while one lives: a code, or these addresses.
class answer {
 public:
  explicit answer(int code, int error = 0) : code_(code), errno_(error) { now = this; }
  answer() : answer(0) {}
  answer(const answer&) = delete;
  answer& operator=(const answer&) = delete;
  ~answer() { now = nullptr; }

  template <class Address>
  void add(const Address& address, std::size_t size = sizeof(Address)) {
    static_assert(sizeof(Address) <= sizeof(sockaddr_storage));
    entry& added = entries_.emplace_back();
    std::memcpy(&added.address, &address, sizeof address);
    added.info.ai_addr = reinterpret_cast<sockaddr*>(&added.address);
    added.info.ai_addrlen = static_cast<socklen_t>(size);
    if (entries_.size() > 1) std::prev(entries_.end(), 2)->info.ai_next = &added.info;
  }

  void add_of(sa_family_t family, std::size_t size = sizeof(sockaddr_storage)) {
    sockaddr_storage name{};
    name.ss_family = family;
    add(name, size);
  }

  void add_ipv4(const char* address) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(80);
    ASSERT_EQ(::inet_pton(AF_INET, address, &name.sin_addr), 1);
    add(name);
  }

  int give(addrinfo** into) {
    *into = entries_.empty() ? nullptr : &entries_.front().info;
    if (code_ == EAI_SYSTEM) errno = errno_;
    return code_;
  }
  bool owns(const addrinfo* list) const { return !entries_.empty() && list == &entries_.front().info; }

  static inline std::atomic<answer*> now = nullptr;

 private:
  struct entry {
    addrinfo info{};
    sockaddr_storage address{};
  };
  int code_;
  int errno_;
  std::list<entry> entries_;
};

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** into) {
  if (answer* const instead = answer::now) return instead->give(into);
  return next<decltype(getaddrinfo)>("getaddrinfo")(host, service, hints, into);
}

extern "C" void freeaddrinfo(addrinfo* list) {
  const answer* const instead = answer::now;
  if (instead == nullptr || !instead->owns(list)) next<decltype(freeaddrinfo)>("freeaddrinfo")(list);
}

namespace {

using namespace sc_test;

task<std::optional<sc::resolve_error>> error_of(std::string host, std::string service, sc::resolve_options options = {}) {
  try {
    static_cast<void>(co_await sc::resolve(host, service, options));
  } catch (const sc::resolve_error& failed) {
    co_return failed;
  }
  co_return std::nullopt;
}

TRACTOR_TEST(resolve, numeric_addresses_need_no_thread) {
  const auto v4 = co_await sc::resolve("127.0.0.1", "80");
  const auto v6 = co_await sc::resolve("::1", "0");

  EXPECT_EQ(v4, (std::vector<sc::ip_endpoint>{{.host = "127.0.0.1", .port = 80}}));
  EXPECT_EQ(v6, (std::vector<sc::ip_endpoint>{{.host = "::1", .port = 0}}));
  EXPECT_FALSE(sc::runner::current()->has_external());
}

TRACTOR_TEST(resolve, numeric_address_is_a_checkpoint_all_the_same) {
  sc::cancel_scope scope;
  scope.cancel("before it began");

  EXPECT_FALSE(co_await scope.run([] { return sc::resolve("127.0.0.1", "80"); }));
}

TRACTOR_TEST(resolve, name_of_this_host_gives_loopback_addresses_once_each) {
  const auto found = co_await sc::resolve("localhost", "80");

  TRACTOR_REQUIRE(!found.empty());
  std::set<std::string> hosts;
  for (const auto& each : found) {
    EXPECT_EQ(each.port, 80);
    EXPECT_TRUE(hosts.insert(each.host).second) << each.host << " came twice";
    EXPECT_TRUE(each.host == "::1" || each.host.starts_with("127.")) << each.host;
  }
}

TRACTOR_TEST(resolve, family_limits_the_answer) {
  const auto found = co_await sc::resolve("localhost", "80", {.family = sc::address_family::ipv4});

  for (const auto& each : found) EXPECT_TRUE(each.host.starts_with("127.")) << each.host;
}

TRACTOR_TEST(resolve, literal_of_the_other_family_is_an_error) {
  const auto v4 = co_await error_of("127.0.0.1", "80", {.family = sc::address_family::ipv6});
  const auto v6 = co_await error_of("::1", "80", {.family = sc::address_family::ipv4});

  TRACTOR_REQUIRE(v4 && v6);
  EXPECT_EQ(v4->code(), EAI_ADDRFAMILY);
  EXPECT_EQ(v6->message(), "resolve(::1, 80): Address family for hostname not supported [EAI_ADDRFAMILY]");
}

TRACTOR_TEST(resolve, unknown_service_is_an_error_that_names_it) {
  const auto failed = co_await error_of("127.0.0.1", "no-such-service");

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->code(), EAI_SERVICE);
  EXPECT_EQ(failed->message(), "resolve(127.0.0.1, no-such-service): Servname not supported for ai_socktype [EAI_SERVICE]");
  EXPECT_EQ(failed->category(), tractor::error_category::failed);
}

// The system's own function takes 65616 for 80.
TRACTOR_TEST(resolve, number_that_is_no_port_is_an_error) {
  for (const char* service : {"65536", "65616", "99999999999999999999"}) {
    const auto failed = co_await error_of("127.0.0.1", service);
    TRACTOR_REQUIRE(failed);
    EXPECT_TRUE(contains(failed->message(), "a port is a number up to 65535")) << failed->message();
  }
}

TRACTOR_TEST(resolve, hosts_that_are_none_are_refused_without_asking) {
  const auto empty = co_await error_of("", "80");
  const auto with_nul = co_await error_of(std::string("a\0b", 3), "80");
  const auto too_long = co_await error_of(std::string(254, 'a'), "80");

  TRACTOR_REQUIRE(empty && with_nul && too_long);
  EXPECT_TRUE(contains(empty->message(), "the host is empty"));
  EXPECT_TRUE(contains(with_nul->message(), "the host has a NUL byte"));
  EXPECT_TRUE(contains(too_long->message(), "the host has 254 bytes, a name may have 253"));
  EXPECT_FALSE(sc::runner::current()->has_external());
}

TRACTOR_TEST(resolve, temporary_failures_are_of_the_category_that_says_try_later) {
  EXPECT_EQ(sc::resolve_error("", EAI_AGAIN).category(), tractor::error_category::overloaded);
  EXPECT_EQ(sc::resolve_error("", EAI_NONAME).category(), tractor::error_category::failed);
  co_return;
}

TRACTOR_TEST(resolve, failure_of_the_system_is_named) {
  constexpr std::pair<int, const char*> codes[] = {
      {EAI_NONAME, "EAI_NONAME"},   {EAI_AGAIN, "EAI_AGAIN"},       {EAI_FAIL, "EAI_FAIL"},
      {EAI_FAMILY, "EAI_FAMILY"},   {EAI_MEMORY, "EAI_MEMORY"},     {EAI_NODATA, "EAI_NODATA"},
      {EAI_SERVICE, "EAI_SERVICE"}, {EAI_OVERFLOW, "EAI_OVERFLOW"}, {EAI_BADFLAGS, "getaddrinfo error -1"}};
  for (const auto& [code, name] : codes) {
    const answer instead(code);
    const auto failed = co_await error_of("host.invalid", "80");
    TRACTOR_REQUIRE(failed);
    EXPECT_EQ(failed->code(), code);
    EXPECT_EQ(failed->message(), std::string("resolve(host.invalid, 80): ") + ::gai_strerror(code) + " [" + name + "]");
  }
}

TRACTOR_TEST(resolve, failed_system_call_is_an_os_error) {
  const answer instead(EAI_SYSTEM, EMFILE);
  try {
    static_cast<void>(co_await sc::resolve("host.invalid", "80"));
    ADD_FAILURE() << "resolved";
  } catch (const tractor::os_error& failed) {
    EXPECT_EQ(failed.code().value(), EMFILE);
    EXPECT_TRUE(contains(failed.message(), "resolve(host.invalid, 80): ")) << failed.message();
  }
}

// Of other families, too long for any address, and twice the same.
TRACTOR_TEST(resolve, answers_that_are_no_addresses_are_left_out) {
  answer instead;
  instead.add_of(AF_UNIX);
  instead.add_of(AF_INET, sizeof(sockaddr_storage) + 1);
  instead.add_ipv4("192.0.2.1");
  instead.add_ipv4("192.0.2.1");

  const auto found = co_await sc::resolve("host.invalid", "80");

  EXPECT_EQ(found, (std::vector<sc::ip_endpoint>{{.host = "192.0.2.1", .port = 80}}));
}

TRACTOR_TEST(resolve, name_with_no_address_that_is_of_use_is_an_error) {
  answer instead;
  instead.add_of(AF_UNIX);

  const auto failed = co_await error_of("host.invalid", "80");

  TRACTOR_REQUIRE(failed);
  EXPECT_EQ(failed->code(), EAI_NODATA);
}

TRACTOR_TEST(resolve, addresses_beyond_the_bound_are_left_out) {
  answer instead;
  for (std::size_t i = 0; i != sc::resolved_addresses_max + 5; ++i) instead.add_ipv4(("10.0.1." + std::to_string(i)).c_str());

  const auto found = co_await sc::resolve("host.invalid", "80");

  EXPECT_EQ(found.size(), sc::resolved_addresses_max);
}

TRACTOR_TEST(resolve, lookups_are_bounded_by_the_limiter_given) {
  sc::capacity_limiter none(0);

  EXPECT_FALSE(co_await sc::move_on_after(1s, [&] { return sc::resolve("localhost", "80", {.limiter = &none}); }));
}

}  // namespace
