// SPDX-License-Identifier: Apache-2.0

#include "crew.hpp"

#include <deque>
#include <utility>

#include "progress.hpp"

namespace wordcount {

namespace {

// A piece on its way: waiting for a worker, or with one.
struct work {
  piece what;
  unsigned deaths = 0;  // of workers that were at it
};

class crew {
 public:
  crew(tractor::actor_nursery& actors, const options& wanted)
      : actors_(actors), options_(wanted), source_(wanted.directory, wanted.piece_bytes), totals_(wanted.piece_bytes) {}

  // Runs all workers until everything is counted.
  sc::task<> run() {
    co_await sc::open_nursery([this](sc::nursery& slots) -> sc::task<> {
      for (unsigned i = 0; i < options_.workers; ++i)
        slots.start_soon([this, name = "worker_" + std::to_string(i)] { return keep_worker(name); });
      co_return;
    });
  }
  [[nodiscard]] outcome result() && {
    auto problems = source_.problems();
    problems.insert(problems.end(), totals_.problems().begin(), totals_.problems().end());
    return {.counted = std::move(totals_), .problems = std::move(problems)};
  }

 private:
  // What one actor is at.
  struct shift {
    std::string who;     // for messages
    bool ready = false;  // it said that it started
    bool finished_any = false;
    std::deque<work> backlog;  // handed to it and not answered; it works on the first
  };

  // One worker after another under the same name, until there is nothing left to do.
  sc::task<> keep_worker(std::string name) {
    for (unsigned fruitless = 0; !done();) {
      shift now;
      std::string death;
      try {
        co_await work_shift(name, now);
        co_return;
      } catch (const tractor::actor_failure& failed) {
        death = failed.what();
      } catch (const tractor::actor_died& died) {
        death = "actor '" + name + "' (pid " + std::to_string(died.certificate().pid) + ") died " + doing(now) + ": " +
                died.certificate().text();
      } catch (const tractor::transport_closed& lost) {
        death = std::string(lost.what()) + ", " + doing(now);
      }
      fruitless = now.finished_any ? 1 : fruitless + 1;
      take_back(name, now, death, fruitless);
    }
  }

  sc::task<> work_shift(const std::string& name, shift& now) {
    const auto portal = co_await actors_.start_actor(name, {.enable_modules = {"counting"}, .on_death = tractor::death_policy::ignore});
    co_await portal.open_context<&count_pieces>({}, [&](auto& ctx) -> sc::task<> {
      now.ready = true;
      co_await ctx.open_stream([&](auto& stream) -> sc::task<> {
        for (;;) {
          while (now.backlog.size() < backlog_pieces_max) {
            auto next = take();
            if (!next) break;
            now.backlog.push_back(std::move(*next));
            co_await stream.send(now.backlog.back().what);
          }
          if (done()) break;
          if (now.backlog.empty())
            co_await changed_.park("idle worker");
          else
            merge(now, co_await stream.receive());
        }
      });
    });
  }

  // The next piece for a worker: what another one lost comes first.
  std::optional<work> take() {
    if (!lost_.empty()) {
      work again = std::move(lost_.front());
      lost_.pop_front();
      ++out_;
      return again;
    }
    auto fresh = source_.next();
    if (!fresh) {
      if (!std::exchange(source_empty_, true)) changed_.unpark_all();
      return std::nullopt;
    }
    ++out_;
    return work{.what = std::move(*fresh)};
  }

  void merge(shift& now, const piece_report& report) {
    std::vector<std::uint64_t> no_text;
    totals_.add(now.backlog.front().what, report, no_text);
    for (const auto file : no_text) source_.forget(file);
    now.backlog.pop_front();
    now.finished_any = true;
    --out_;
    progress_.show(totals_);
    if (done()) changed_.unpark_all();
  }

  static std::string doing(const shift& now) {
    if (!now.ready) return "before it was ready";
    return now.backlog.empty() ? "while it was idle" : "while it counted " + to_string(now.backlog.front().what);
  }

  // The worker is dead: its pieces go back, or the count ends with an error.
  void take_back(const std::string& name, shift& now, const std::string& death, unsigned fruitless) {
    if (!options_.restart) throw worker_lost(death);
    if (!now.backlog.empty()) {
      work& culprit = now.backlog.front();
      if (++culprit.deaths >= options_.attempts)
        throw worker_lost("given up on " + to_string(culprit.what) + ": " + std::to_string(culprit.deaths) +
                          " workers died while they counted it; the last: " + death);
    }
    if (fruitless > options_.attempts)
      throw worker_lost("given up on worker '" + name + "': " + std::to_string(fruitless) +
                        " actors in a row died before they finished a piece; the last: " + death);
    progress_.say(death + "; another one is started");
    out_ -= now.backlog.size();
    for (; !now.backlog.empty(); now.backlog.pop_back()) lost_.push_front(std::move(now.backlog.back()));
    changed_.unpark_all();
  }

  [[nodiscard]] bool done() const noexcept { return source_empty_ && lost_.empty() && out_ == 0; }

  tractor::actor_nursery& actors_;
  const options& options_;
  piece_source source_;
  bool source_empty_ = false;
  std::deque<work> lost_;  // bounded: what the dead workers had in their backlogs
  std::size_t out_ = 0;    // pieces that are with a worker
  sc::parking_lot changed_;
  totals totals_;
  progress_line progress_;
};

}  // namespace

sc::task<outcome> count_words(options wanted) {
  co_return co_await tractor::open_nursery([&](tractor::actor_nursery& actors) -> sc::task<outcome> {
    crew all(actors, wanted);
    co_await all.run();
    co_await actors.cancel();
    co_return std::move(all).result();
  });
}

}  // namespace wordcount
