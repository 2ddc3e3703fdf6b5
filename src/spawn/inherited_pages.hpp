// SPDX-License-Identifier: Apache-2.0
//
// What a forked actor finds mapped. A fork copies the page table only where the parent has pages of its own; code and constants, which
// come from files, are mapped anew by page faults, 64 KiB at a time and about a microsecond each. That was a third of the boot
// of an actor. A mapping in which one page is private is copied as a whole.

#pragma once

namespace tractor::spawn::detail {

// Makes one page of every read-only file mapping of this process a private copy of itself, so that forked children inherit what of
// these mappings is present here. Done once, after everything was used that children will use. Where the kernel does not allow it
// nothing changes.
void let_children_inherit_file_pages() noexcept;

}  // namespace tractor::spawn::detail
