"""What a process may reach, as Linux enforces it: some files, no network, so much of the machine.

Landlock hides files, seccomp refuses system calls. Neither needs root, nor can it be undone.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
from collections.abc import Sequence
from contextlib import suppress

LIBC = ctypes.CDLL(None, use_errno=True)
# Numbers and bits of linux/landlock.h, prctl.h, seccomp.h and capability.h.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
# The bit of each right, and the version of Landlock that brought it.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1, 2, 4, 8, 1 << 14
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15
ALL_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
CONNECT_AND_BIND_TCP = ABSTRACT_SOCKETS_AND_SIGNALS = 3
SET_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES, SET_SECCOMP, SET_SUBREAPER = 1, 38, 22, 36
# By machine: how seccomp calls it, and its numbers of what is refused.
MACHINES = {
    "x86_64": (
        0xC000003E,
        # sockets; System V and POSIX memory, semaphores and messages, which outlive a process
        {41, 29, 30, 31, 64, 65, 66, 220, 68, 69, 70, 71, 240, 241}
        # keys; modes, owners, attributes and times of files
        | {248, 249, 250, 90, 91, 268, 92, 93, 94, 260, 188, 189, 190, 197, 198, 199}
        | {132, 235, 261, 280}
        # other processes: tracing, memory, priorities
        | {101, 310, 311, 312, 144, 142, 314, 141, 251, 256, 279}
        # namespaces and mounts, and what looks into the kernel
        | {272, 308, 165, 166, 155, 161, 303, 304, 321, 298, 323, 135, 300, 179, 163},
        # limits and processors, unless they are of the process itself
        {302, 203},
    ),
    "aarch64": (
        0xC00000B7,
        {198, 194, 195, 196, 190, 191, 192, 193, 186, 187, 188, 189, 180, 181}
        | {217, 218, 219, 52, 53, 54, 55, 5, 6, 7, 14, 15, 16, 88}
        | {117, 270, 271, 272, 119, 118, 274, 140, 30, 238, 239}
        | {97, 268, 40, 39, 41, 51, 264, 265, 280, 241, 282, 92, 262, 60, 89},
        {261, 122},
    ),
}
# The same on all machines: pidfd, io_uring, mounts, fchmodat2, setxattrat and their like.
NEW_CALLS = {424, 434, 438, 425, 426, 427, 428, 429, 430, 431, 432, 433, 440, 442, 452, 463, 466}
X32_BIT = 0x40000000
MAX_FILE_BYTES = 2**26


def confine(readable: Sequence[str], folder: str, memory: int, cpu_seconds: int) -> None:
    """Leave this process, and all that it starts, a folder, what is readable, and its limits.

    Parameters
    ----------
    readable : sequence of str
        Files, and folders with all that is in them. What is not there is left out.
    folder : str
        It may do there what it likes, but not run programs.
    memory : int
        In bytes.
    cpu_seconds : int
        Processor time of each process.
    """
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    LIBC.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if landlock_version():
        hide_files(readable, folder)
    refuse_calls()
    drop_capabilities()


def landlock_version() -> int:
    """Return the version of Landlock that this system has, 0 if it has none."""
    version: int = LIBC.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return max(0, version)


def hide_files(readable: Sequence[str], folder: str) -> None:
    """Let this process open nothing but what is readable, and do in the folder what it likes."""
    version = landlock_version()
    rights = ALL_RIGHTS[max(first for first in ALL_RIGHTS if first <= version)]
    words = [rights, CONNECT_AND_BIND_TCP, ABSTRACT_SOCKETS_AND_SIGNALS]
    words = words[: 1 if version < 4 else 2 if version < 6 else 3]
    attributes = struct.pack(f"={len(words)}Q", *words)
    ruleset = check(LIBC.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    for path in readable:
        with suppress(FileNotFoundError, PermissionError):
            allow(ruleset, path, READ_FILE | READ_DIR)
    for device in ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"):
        allow(ruleset, device, READ_FILE | WRITE_FILE)
    allow(ruleset, folder, rights & ~EXECUTE)
    check(LIBC.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def allow(ruleset: int, path: str, rights: int) -> None:
    """Add to a ruleset what may be done to a file, or to all that is in a folder."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= OF_FILES
        check(LIBC.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, place), 0))
    finally:
        os.close(place)


def refuse_calls() -> None:
    """Refuse system calls that reach the network or other processes, or leave something behind.

    Pairs of sockets stay: they lead nowhere else.
    """
    if platform.machine() not in MACHINES:
        return
    machine, refused, own_only = MACHINES[platform.machine()]
    load, equal, at_least, leave = 0x20, 0x15, 0x35, 0x06
    permit, refuse = 0x7FFF0000, 0x00050000 | 13  # EACCES
    refusal = (leave, 0, 0, refuse)
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, machine),
        refusal,  # the calls of another machine, by which this one's could be gone round
        (load, 0, 0, 0),
        (at_least, 0, 1, X32_BIT),
        refusal,
    ]
    for call in sorted(refused | NEW_CALLS):
        program += [(equal, 0, 1, call), refusal]
    for call in sorted(own_only):  # its first argument is a process, 0 the one that calls
        program += [(equal, 0, 4, call), (load, 0, 0, 16), (equal, 1, 0, 0), refusal]
        program += [(leave, 0, 0, permit)]
    program += [(leave, 0, 0, permit)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    filtering = ctypes.create_string_buffer(
        struct.pack("@HP", len(program), ctypes.addressof(code))
    )
    check(LIBC.prctl(SET_SECCOMP, 2, filtering, 0, 0))


def drop_capabilities() -> None:
    """Give up what root may do beyond others: a container often runs as root."""
    header = struct.pack("=Ii", 0x20080522, 0)
    check(LIBC.capset(header, struct.pack("=6I", *[0] * 6)))


def end_with_parent(parent: int | None = None) -> None:
    """Let the system end this process when its parent ends."""
    LIBC.prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent and (parent or os.getppid() == 1):  # it has already ended
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every process below whose own parent ends."""
    check(LIBC.prctl(SET_SUBREAPER, 1, 0, 0, 0))


def check(result: int) -> int:
    """Return what a call to the system gave; raise what went wrong."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
