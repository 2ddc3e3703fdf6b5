// SPDX-License-Identifier: Apache-2.0
//
// How the alternative of a variant is chosen.

#include <algorithm>
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

int best_fit(reader& in, const alternative* alternatives, std::size_t count) {
  int best = 0;
  for (std::size_t i = 0; i < count; ++i) best = std::max(best, alternatives[i].fit(in));
  return best;
}

void decode_alternative(reader& in, const alternative* alternatives, std::size_t count, std::string_view expected, void* variant) {
  // A single candidate is decoded at once, so that its error names the place.
  if (const alternative* only = only_candidate(in.peek(), alternatives, count)) return only->decode(in, variant);

  const reader::mark start = in.save();
  std::exception_ptr first_error;
  for (int level = 2; level > 0; --level) {
    for (std::size_t i = 0; i < count; ++i) {
      if (alternatives[i].fit(in) != level) continue;
      try {
        return alternatives[i].decode(in, variant);
      } catch (const error&) {  // looked right at first, but is not: the next one
        if (!first_error) first_error = std::current_exception();
        in.rewind(start);
      }
    }
  }
  if (first_error) std::rethrow_exception(first_error);
  in.fail_expected(expected);
}

}  // namespace tractor::msg::detail
