// SPDX-License-Identifier: Apache-2.0
//
// How the alternative of a variant is chosen.

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>

#include "tractor/msg/codec.hpp"

namespace tractor::msg::detail {

namespace {

// The only alternative that accepts this kind of item; null when there are several or none.
const alternative* only_candidate(item_kind kind, const alternative* alternatives, std::size_t count) noexcept {
  const alternative* candidate = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    if (!contains(alternatives[i].accepts, kind)) continue;
    if (candidate != nullptr) return nullptr;
    candidate = &alternatives[i];
  }
  return candidate;
}

}  // namespace

int best_fit(reader& in, fit_look look, const alternative* alternatives, std::size_t count) {
  int best = 0;
  for (std::size_t i = 0; i < count; ++i) best = std::max(best, alternatives[i].fit(in, look));
  return best;
}

void decode_alternative(reader& in, const alternative* alternatives, std::size_t count, std::string_view expected, void* variant) {
  // A single candidate is decoded at once, so that its error names the place.
  if (const alternative* only = only_candidate(in.peek(), alternatives, count)) return only->decode(in, variant);

  const reader::mark start = in.save();
  // Looked at once each; only a variant of very many types looks again.
  std::array<std::int8_t, 32> known;
  known.fill(-1);
  const auto fit_of_alternative = [&](std::size_t i) {
    const fit_look look{.whole = &in, .depth_left = fit_depth_max};
    if (i >= known.size()) return alternatives[i].fit(in, look);
    if (known[i] < 0) known[i] = static_cast<std::int8_t>(alternatives[i].fit(in, look));
    return static_cast<int>(known[i]);
  };
  std::exception_ptr first_error;
  for (int level = 2; level > 0; --level) {
    for (std::size_t i = 0; i < count; ++i) {
      if (fit_of_alternative(i) != level) continue;
      try {
        return alternatives[i].decode(in, variant);
      } catch (const error&) {  // looked right at first, but is not: the next one
        if (!first_error) first_error = std::current_exception();
        const auto read = static_cast<std::size_t>(in.position() - start.at);
        in.rewind(start);
        in.charge_reread(read + 1);
      }
    }
  }
  if (first_error) std::rethrow_exception(first_error);
  in.fail_expected(expected);
}

}  // namespace tractor::msg::detail
