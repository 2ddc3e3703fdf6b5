// SPDX-License-Identifier: Apache-2.0
//
// All of trionics: scopes gathered and shared, programs supervised, clusters and pools of actors, publishers.

#pragma once

#include "tractor/trionics/context_cache.hpp"
#include "tractor/trionics/exception_groups.hpp"
#include "tractor/trionics/gather_contexts.hpp"
#include "tractor/trionics/manager.hpp"
#include "tractor/trionics/maybe_open_context.hpp"
#include "tractor/trionics/maybe_open_nursery.hpp"
#include "tractor/trionics/open_actor_cluster.hpp"
#include "tractor/trionics/publisher.hpp"
#include "tractor/trionics/start_or_cancel.hpp"
#include "tractor/trionics/supervise_run_process.hpp"
#include "tractor/trionics/worker_pool.hpp"
