// SPDX-License-Identifier: Apache-2.0
//
// Memory of coroutine frames and task records: free lists by size, one pool a thread, no lock. Off under AddressSanitizer so
// that use after free is seen. Blocks must be freed in the thread that made them, which holds because a task never
// changes its thread.

#pragma once

#include <cstddef>
#include <new>

#include "tractor/base/config.hpp"

namespace tractor::sc::detail {

class TRACTOR_API frame_pool {
 public:
  static constexpr std::size_t granule_bytes = 16;
  static constexpr std::size_t class_count = 128;  // blocks up to 2 KiB; larger ones go to operator new
  static constexpr std::size_t pooled_bytes_max = granule_bytes * class_count;
  static constexpr std::size_t chunk_bytes = 16 * 1024;

  static void* allocate(std::size_t bytes) {
#ifndef TRACTOR_ASAN
    if (bytes <= pooled_bytes_max) [[likely]] {
      frame_pool* pool = current_;
      const std::size_t index = (bytes - 1) / granule_bytes;
      if (pool != nullptr) [[likely]] {
        if (free_block* block = pool->free_[index]) [[likely]] {
          pool->free_[index] = block->next;
          return block;
        }
      }
      return refill(index);
    }
#endif
    return ::operator new(bytes);
  }

  static void deallocate(void* memory, std::size_t bytes) noexcept {
#ifndef TRACTOR_ASAN
    if (bytes <= pooled_bytes_max) [[likely]] {
      frame_pool* pool = current_;
      const std::size_t index = (bytes - 1) / granule_bytes;
      auto* block = static_cast<free_block*>(memory);
      block->next = pool->free_[index];
      pool->free_[index] = block;
      return;
    }
#endif
    ::operator delete(memory, bytes);
  }

  // Gives the calling thread's chunks back when no block is in use. Called when a run ends.
  static void release_if_unused() noexcept;

 private:
  struct free_block {
    free_block* next;
  };
  struct chunk {
    chunk* next;
  };

  static void* refill(std::size_t index);

  [[maybe_unused]] free_block* free_[class_count] = {};  // unused under AddressSanitizer
  chunk* chunks_ = nullptr;
  std::byte* bump_ = nullptr;
  std::byte* bump_end_ = nullptr;
  std::size_t carved_ = 0;  // blocks cut from the chunks so far

  static constinit thread_local frame_pool* current_;
};

}  // namespace tractor::sc::detail
