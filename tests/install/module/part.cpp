// SPDX-License-Identifier: Apache-2.0

namespace consumer {

// An archive needs a member; nothing of it is used.
int part_version();
int part_version() { return 1; }

}  // namespace consumer
