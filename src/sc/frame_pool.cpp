// SPDX-License-Identifier: Apache-2.0

#include "tractor/sc/detail/frame_pool.hpp"

namespace tractor::sc::detail {

constinit thread_local frame_pool* frame_pool::current_ = nullptr;

void* frame_pool::refill(std::size_t index) {
  if (current_ == nullptr) current_ = new frame_pool;
  frame_pool* pool = current_;
  const std::size_t block_bytes = (index + 1) * granule_bytes;
  if (static_cast<std::size_t>(pool->bump_end_ - pool->bump_) < block_bytes) {
    // What is left of the old chunk is too small for this class; it stays unused until the pool is released.
    static constexpr std::size_t header_bytes = granule_bytes;
    static_assert(sizeof(chunk) <= header_bytes);
    auto* memory = static_cast<std::byte*>(::operator new(chunk_bytes));
    auto* fresh = ::new (memory) chunk{pool->chunks_};
    pool->chunks_ = fresh;
    pool->bump_ = memory + header_bytes;
    pool->bump_end_ = memory + chunk_bytes;
  }
  void* block = pool->bump_;
  pool->bump_ += block_bytes;
  ++pool->carved_;
  return block;
}

void frame_pool::release_if_unused() noexcept {
  frame_pool* pool = current_;
  if (pool == nullptr) return;
  // Counted here, at the end of a run, and not with every block that is taken and given back.
  std::size_t unused = 0;
  for (const free_block* list : pool->free_)
    for (; list != nullptr; list = list->next) ++unused;
  if (unused != pool->carved_) return;
  for (chunk* next = pool->chunks_; next != nullptr;) {
    chunk* gone = next;
    next = gone->next;
    ::operator delete(gone, chunk_bytes);
  }
  delete pool;
  current_ = nullptr;
}

}  // namespace tractor::sc::detail
