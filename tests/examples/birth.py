# SPDX-License-Identifier: Apache-2.0
"""Catching an actor on its way up: ptrace stops a process before its first instruction, and then before and after each system call, so a
moment that lasts a fraction of a millisecond is hit however busy the machine is.

    with Program(*born_stopped(command)) as program:
        with first_actor(program.pid, steps) as actor:     # stands still, after so many of its stops, to the end of the block
            os.kill(actor, signal.SIGKILL)
"""

import contextlib
import ctypes
import os
import pathlib
import signal
import time

CONT, DETACH, SYSCALL, SEIZE, INTERRUPT, LISTEN = 7, 17, 24, 0x4206, 0x4207, 0x4208
TRACE_SYSGOOD, TRACE_FORK, TRACE_VFORK, TRACE_CLONE = 1, 2, 4, 8
EVENT_STOP = 128
WALL = 0x40000000
STOPPING = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
WAIT_MAX_S = 60

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, pid, data=0):
    if libc.ptrace(request, pid, None, data) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace({request:#x}, {pid}): {os.strerror(ctypes.get_errno())}")


def born_stopped(command):
    """The command so that it stops itself before it begins."""
    return ["/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *command]


def status_field(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise KeyError(field)


def is_actor(pid, root):
    """A process that the root's fork server made; a thread is not one."""
    if status_field(pid, "Tgid") != pid:
        return False
    parent = status_field(pid, "PPid")
    return parent != root and status_field(parent, "PPid") == root


class Tracer:
    def __init__(self, root):
        self.root = root
        self.running = {root}  # traced, and not standing
        os.waitid(os.P_PID, root, os.WSTOPPED)
        ptrace(SEIZE, root, TRACE_SYSGOOD | TRACE_FORK | TRACE_VFORK | TRACE_CLONE)
        os.kill(root, signal.SIGCONT)

    def next_stop(self):
        """The next process, or thread, that stops, and its wait status."""
        deadline = time.monotonic() + WAIT_MAX_S
        while time.monotonic() < deadline:
            for pid in list(self.running):
                try:
                    found, status = os.waitpid(pid, os.WNOHANG | WALL)
                except ChildProcessError:  # it ended, and its parent was told
                    found, status = pid, 0
                if found == 0:
                    continue
                self.running.discard(pid)
                if os.WIFSTOPPED(status):
                    return pid, status
            for pid in threads_and_children(self.running | {self.root}):  # attached by the kernel
                self.running.add(pid)
            time.sleep(0.0001)
        raise TimeoutError(f"nothing that pid {self.root} started has stopped in {WAIT_MAX_S} s")

    def go_on(self, pid, status, request=CONT):
        event, number = status >> 16, os.WSTOPSIG(status)
        if event == EVENT_STOP:
            ptrace(LISTEN if number in STOPPING else request, pid)
        else:  # a fork, a system call, or a signal that is to be delivered
            ptrace(request, pid, 0 if event or number & 0x80 else number)
        self.running.add(pid)

    def let_go(self, standing):
        """Of everything but the one that stands. Until nothing is found: a process made meanwhile was attached as well."""
        while traced := [pid for pid in family({self.root}) if pid != standing and traced_by_us(pid)]:
            for pid in traced:
                try:
                    ptrace(INTERRUPT, pid)
                except ProcessLookupError:
                    pass  # it ended, which its parent is told when we have been
                _, status = os.waitpid(pid, WALL)
                if os.WIFSTOPPED(status):
                    event, number = status >> 16, os.WSTOPSIG(status)
                    ptrace(DETACH, pid, 0 if event or number & 0x80 else number)


def traced_by_us(pid):
    try:
        return status_field(pid, "TracerPid") == os.getpid()
    except OSError:
        return False


def threads_and_children(pids):
    found = set()
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                found.add(int(task))
                found.update(int(child) for child in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:
            pass  # it ended
    return found


def family(pids):
    """They, their threads, and all below them."""
    while (larger := pids | threads_and_children(pids)) != pids:
        pids = larger
    return pids


@contextlib.contextmanager
def first_actor(root, steps=0):
    """The pid of the first actor of a program that was born stopped, standing still after `steps` stops: two for each system call."""
    tracer = Tracer(root)
    actor = None
    while actor is None or steps > 0:
        pid, status = tracer.next_stop()
        if actor is None and status >> 16 == EVENT_STOP and is_actor(pid, root):
            actor = pid
        if pid != actor:
            tracer.go_on(pid, status)
        elif steps > 0:
            tracer.go_on(pid, status, SYSCALL)
            steps -= 1
    if actor in tracer.running:
        tracer.running.discard(actor)
        os.waitpid(actor, WALL)
    tracer.let_go(actor)
    yield actor
    try:
        ptrace(DETACH, actor)
    except ProcessLookupError:
        os.waitpid(actor, WALL)  # killed: its parent is told when its tracer has been
