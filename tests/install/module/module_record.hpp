// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace consumer {

struct module_record {
  const char* name;
};

}  // namespace consumer
