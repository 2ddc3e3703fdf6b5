// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into a program whose libtractor.so was built with -finstrument-functions-after-inlining: each process writes the functions of
// that library in the order of their first call, one offset a line, into $TRACTOR_FIRST_CALLS.PID when it ends.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUIET __attribute__((no_instrument_function))
enum { slots = 65536 };

static void* seen[slots];
static void* order[slots];
static int count;
static int busy;
static pid_t owner;

QUIET static void write_order(void) {
  char path[4096];
  const char* prefix = getenv("TRACTOR_FIRST_CALLS");
  if (prefix == NULL) return;
  snprintf(path, sizeof path, "%s.%d", prefix, (int)owner);
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  for (int i = 0; i < count; ++i) {
    Dl_info found;
    if (dladdr(order[i], &found) != 0 && found.dli_fname != NULL && strstr(found.dli_fname, "libtractor") != NULL)
      dprintf(fd, "%lx\n", (unsigned long)((char*)order[i] - (char*)found.dli_fbase));
  }
  close(fd);
}

// A forked process begins anew.
QUIET void __cyg_profile_func_enter(void* function, void* site) {
  (void)site;
  if (busy) return;
  busy = 1;
  if (getpid() != owner) {
    owner = getpid();
    count = 0;
    memset(seen, 0, sizeof seen);
  }
  unsigned long at = ((unsigned long)function >> 2) * 0x9e3779b97f4a7c15UL >> 48;
  while (seen[at] != NULL && seen[at] != function) at = (at + 1) % slots;
  if (seen[at] == NULL && count < slots / 2) {
    seen[at] = function;
    order[count++] = function;
  }
  busy = 0;
}
QUIET void __cyg_profile_func_exit(void* function, void* site) { (void)function, (void)site; }

// Actors end by _exit, behind the exit handlers.
QUIET void _exit(int status) {
  write_order();
  syscall(SYS_exit_group, status);
  __builtin_unreachable();
}
QUIET __attribute__((destructor)) static void at_end(void) { write_order(); }
