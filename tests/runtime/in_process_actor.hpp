// SPDX-License-Identifier: Apache-2.0
//
// An actor without a process: a part of the test's run, which its peers reach over streams of bytes that the test gives it.

#pragma once

#include <unistd.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tractor/tractor.hpp"

namespace runtime_test {

class in_process_actor {
 public:
  using link_ptr = std::shared_ptr<tractor::detail::peer>;
  using streams = std::vector<std::unique_ptr<tractor::sc::byte_stream>>;

  in_process_actor(std::string name, std::vector<std::string> modules, streams of)
      : self_(tractor::msg::aid{
            .name = std::move(name), .uuid = tractor::make_uuid(), .pid = ::getpid(), .is_registrar = false, .is_probe = false}),
        streams_(std::move(of)) {
    for (const std::string& module : modules) self_.enable_module(module);
  }

  // Until all of its connections have ended, and what was asked for through them, or it is told to end.
  tractor::sc::task<> serve() {
    return live([this]() -> tractor::sc::task<> {
      co_await tractor::sc::open_nursery([&](tractor::sc::nursery& watching) -> tractor::sc::task<> {
        watching.start_soon({.name = "end of the actor"}, [this]() -> tractor::sc::task<> {
          co_await self_.cancel_requested().wait();
          co_await self_.finish_cancel();
          self_.close_all("the actor was cancelled");
        });
        co_await tractor::sc::open_nursery([&](tractor::sc::nursery& connections) {
          for (auto& stream : streams_)
            connections.start_soon([this, link = make_link(std::move(stream))]() -> tractor::sc::task<> {
              if (!co_await greet(link)) co_return;
              self_.add_peer(link);
              co_await link->serve();
              self_.remove_peer(*link);
            });
        });
        watching.cancel("its connections have ended");
      });
    });
  }

  // Runs `body(portals)`, one for each connection, then hangs up. Does not run it when one of the others does not say who it is.
  tractor::sc::task<> use(std::function<tractor::sc::task<>(std::span<const tractor::portal>)> body) {
    return live([this, body = std::move(body)]() -> tractor::sc::task<> {
      std::vector<link_ptr> links;
      std::vector<tractor::portal> portals;
      bool all_known = true;
      for (auto& stream : streams_) {
        links.push_back(make_link(std::move(stream)));
        portals.emplace_back(links.back());
        all_known = all_known && co_await greet(links.back());
      }
      const auto hang_up = [&links] {
        for (const auto& link : links) link->fail(std::make_exception_ptr(tractor::transport_closed("hung up")));
      };
      if (all_known) {
        co_await tractor::sc::open_nursery([&](tractor::sc::nursery& serving) -> tractor::sc::task<> {
          for (const auto& link : links) {
            self_.add_peer(link);
            serving.start_soon([&link] { return link->serve(); });
          }
          co_await body(portals);
          hang_up();
        });
        for (const auto& link : links) self_.remove_peer(*link);
      }
      hang_up();
    });
  }

  [[nodiscard]] tractor::actor& self() { return self_; }

 private:
  // Its tasks are children of `service`.
  tractor::sc::task<> live(std::function<tractor::sc::task<>()> body) {
    const tractor::sc::task_local<tractor::actor*>::binding bound(tractor::detail::current_actor_key, &self_);
    struct at_end {
      tractor::actor& self;
      ~at_end() { self.set_service(nullptr); }
    } const no_service{self_};
    co_await tractor::sc::open_nursery([&](tractor::sc::nursery& service) -> tractor::sc::task<> {
      self_.set_service(&service);
      co_await body();
    });
  }
  link_ptr make_link(std::unique_ptr<tractor::sc::byte_stream> stream) {
    return std::make_shared<tractor::detail::peer>(self_, std::move(stream));
  }
  // Whether the other one has said who it is. If not it is hung up on, as any stranger.
  tractor::sc::task<bool> greet(link_ptr link) {
    bool known = false;
    try {
      link->send_aid();
      co_await tractor::sc::fail_after(tractor::handshake_timeout, [&] { return link->receive_aid(); });
      known = true;
    } catch (const tractor::error&) {
    }
    if (!known) link->fail(std::make_exception_ptr(tractor::transport_closed("the handshake was not completed")));
    co_return known;
  }

  tractor::actor self_;
  streams streams_;
};

}  // namespace runtime_test
