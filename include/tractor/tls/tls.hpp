// SPDX-License-Identifier: Apache-2.0
//
// TLS over byte streams, with OpenSSL: everything of the library tractor_tls, which is linked by itself (CMake: tractor::tls).

#pragma once

#include "tractor/tls/certificate.hpp"
#include "tractor/tls/context.hpp"
#include "tractor/tls/errors.hpp"
#include "tractor/tls/listener.hpp"
#include "tractor/tls/open_tcp_stream.hpp"
#include "tractor/tls/serve.hpp"
#include "tractor/tls/stream.hpp"
