// SPDX-License-Identifier: Apache-2.0
#include "bench/report.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "bench/bounds.hpp"
#include "tractor/base/fd.hpp"

namespace {

using json = nlohmann::json;

bench::result measured(std::string id, double median) {
  return {
      .id = std::move(id), .unit = "us", .figures = {median, median * 2, median * 3, 50}, .floor_id = {}, .floor_median = {}, .error = {}};
}

bool meets(std::string_view id, const bench::outcome& o) {
  const bench::bound* b = bench::find_bound(id);
  if (b == nullptr) throw std::invalid_argument(std::string(id));
  return b->met(o);
}

TEST(bench_report, row_with_floor_has_all_keys_and_its_ratio) {
  bench::result r = measured("boot.forkserver", 150);
  r.floor_id = "forkserver.hello";
  r.floor_median = 100;

  const json row = json::parse(bench::to_json({}, {r}))["rows"].at(0);

  EXPECT_EQ(row, json::parse(R"({"id": "boot.forkserver", "unit": "us", "median": 150, "p99": 300, "n": 50,
                                 "floor_id": "forkserver.hello", "floor_median": 100, "ratio": 1.5})"));
}

TEST(bench_report, row_without_floor_has_nulls) {
  const json row = json::parse(bench::to_json({}, {measured("libc.x", 1)}))["rows"].at(0);

  EXPECT_TRUE(row.at("floor_id").is_null());
  EXPECT_TRUE(row.at("floor_median").is_null());
  EXPECT_TRUE(row.at("ratio").is_null());
}

TEST(bench_report, failed_row_is_left_out) {
  bench::result failed = measured("a", 1);
  failed.error = "it hung";

  const json rows = json::parse(bench::to_json({}, {failed, measured("b", 1)}))["rows"];

  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["id"], "b");
}

TEST(bench_report, text_and_numbers_that_json_cannot_hold_are_escaped) {
  bench::result r = measured("quote\" back\\slash \n", std::nan(""));

  const json row = json::parse(bench::to_json({}, {r}))["rows"].at(0);

  EXPECT_EQ(row["id"], r.id);
  EXPECT_TRUE(row["median"].is_null());
}

TEST(bench_report, machine_is_described) {
  const json m = json::parse(bench::to_json(bench::describe_machine(), {}))["machine"];

  EXPECT_GE(m.at("cores").get<int>(), 1);
  EXPECT_TRUE(m.at("kernel").get<std::string>().starts_with("Linux "));
  EXPECT_FALSE(m.at("compiler").get<std::string>().empty());
  EXPECT_TRUE(m.contains("cpu"));
  EXPECT_TRUE(m.contains("governor"));
  EXPECT_EQ(m.at("date").get<std::string>().size(), std::string("2025-01-01T00:00:00Z").size());
}

TEST(bench_report, ratio_to_a_floor_of_zero_is_none) {
  bench::result r = measured("a", 1);
  r.floor_median = 0;

  EXPECT_FALSE(r.ratio());
}

TEST(bench_report, figures_read_well_at_any_size) {
  EXPECT_EQ(bench::human(1234567.4), "1,234,567");
  EXPECT_EQ(bench::human(1000), "1,000");
  EXPECT_EQ(bench::human(123.456), "123.5");
  EXPECT_EQ(bench::human(12.3456), "12.35");
  EXPECT_EQ(bench::human(0.0123456), "0.01235");
  EXPECT_EQ(bench::human(0), "0");
  EXPECT_EQ(bench::human(-1234), "-1,234");
  EXPECT_EQ(bench::human(-123), "-123.0");
  EXPECT_EQ(bench::human(std::nan("")), "-");
}

TEST(bench_report, file_that_cannot_be_written_is_an_error_that_names_it_and_leaves_the_old_one) {
  std::string folder = std::filesystem::temp_directory_path() / "bench-report-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/bench.json";
  bench::write_file(path, "old");
  std::filesystem::create_directory(path + ".new");

  try {
    bench::write_file(path, "new");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos);
  }

  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "old");
  std::filesystem::remove_all(folder);
}

TEST(bench_report, what_is_no_file_is_written_to_and_stays_what_it_is) {
  std::string folder = std::filesystem::temp_directory_path() / "bench-report-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const tractor::unique_fd reader(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));

  bench::write_file(path, "rows");

  char text[8] = "";
  EXPECT_EQ(::read(reader.get(), text, sizeof text), 4);
  EXPECT_EQ(std::filesystem::status(path).type(), std::filesystem::file_type::fifo);
  std::filesystem::remove_all(folder);
}

TEST(bench_bounds, ratio_is_met_up_to_and_including_its_limit) {
  EXPECT_TRUE(meets("boot.forkserver", {{}, 2.0}));
  EXPECT_FALSE(meets("boot.forkserver", {{}, 2.01}));
  EXPECT_FALSE(meets("boot.forkserver", {{}, std::nullopt}));
  EXPECT_TRUE(meets("boot.exec", {{}, 1.5}));
  EXPECT_FALSE(meets("boot.exec", {{}, 1.51}));
}

TEST(bench_bounds, rate_is_met_from_its_limit_up) {
  EXPECT_TRUE(meets("stream.small.uds", {{.median = 4e6}, {}}));
  EXPECT_FALSE(meets("stream.small.uds", {{.median = 3.99e6}, {}}));
}

TEST(bench_bounds, kill_of_a_worker_bounds_median_and_worst) {
  EXPECT_TRUE(meets("kill.worker", {{.median = 5, .max = 50}, {}}));
  EXPECT_FALSE(meets("kill.worker", {{.median = 5.1, .max = 50}, {}}));
  EXPECT_FALSE(meets("kill.worker", {{.median = 5, .max = 51}, {}}));
}

TEST(bench_bounds, row_without_promise_has_none) { EXPECT_EQ(bench::find_bound("boot"), nullptr); }

}  // namespace
