// SPDX-License-Identifier: Apache-2.0
//
// Actors, and the core of the kernel: tasks, nurseries, scopes, events. The whole kernel is in tractor/sc/sc.hpp.

#pragma once

#include "tractor/base/log.hpp"
#include "tractor/runtime/actor.hpp"
#include "tractor/runtime/actor_nursery.hpp"
#include "tractor/runtime/context.hpp"
#include "tractor/runtime/errors.hpp"
#include "tractor/runtime/find_actor.hpp"
#include "tractor/runtime/module.hpp"
#include "tractor/runtime/portal.hpp"
#include "tractor/runtime/root.hpp"
#include "tractor/runtime/server.hpp"
#include "tractor/runtime/stream.hpp"
#include "tractor/sc/cancel_scope.hpp"
#include "tractor/sc/checkpoint.hpp"
#include "tractor/sc/event.hpp"
#include "tractor/sc/exception_group.hpp"
#include "tractor/sc/nursery.hpp"
#include "tractor/sc/run.hpp"
#include "tractor/version.hpp"
