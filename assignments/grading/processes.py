"""What Linux tells of processes in /proc: which started which, and how they spent their time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def descendants(process: int) -> set[int]:
    """Return all processes that a process has started, itself or through others.

    One may be missing for a moment while another ends.
    """
    found: set[int] = set()
    waiting = [process]
    while waiting:
        with suppress(OSError):
            for task in os.scandir(f"/proc/{waiting.pop()}/task"):
                children = set(map(int, Path(task.path, "children").read_text().split()))
                waiting += children - found
                found |= children
    return found


def has_ended(process: int) -> bool:
    """Tell whether a process runs no more, though its parent may not have noticed."""
    fields = stat_fields(process)
    return not fields or fields[0] in "ZX"


def stat_fields(process: int) -> list[str]:
    """Return the fields of /proc/PROCESS/stat from its state on, none if it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent(process: int) -> int:
    """Return the process that started a process, 0 if it is gone."""
    fields = stat_fields(process)
    return int(fields[1]) if fields else 0


def processor_seconds(process: int, children: bool = False) -> float:
    """Return for how long a process was on a processor, with the children that it waited for."""
    fields = stat_fields(process)
    return sum(map(int, fields[11 : 15 if children else 13])) / TICKS


def seconds_queued(process: int) -> float:
    """Return for how long a process could have run, but no processor was free."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class Clock:
    """Measures, from now on, all that a process has started.

    Attributes
    ----------
    busy : float
        Seconds on a processor.
    queued : float
        Seconds in which no processor was free: they are nobody's fault.
    idle : float
        The seconds of the wall clock that are left.
    """

    def __init__(self, process: int) -> None:
        self.process = process
        self.began = time.monotonic()
        self.before = measure(descendants(process))
        self.busy = self.queued = self.idle = 0.0

    def look(self) -> None:
        """Measure anew."""
        now = measure(descendants(self.process))
        wall = time.monotonic() - self.began
        self.busy = max(self.busy, now[0] - self.before[0])
        self.queued = max(self.queued, now[1] - self.before[1])
        self.idle = max(0.0, wall - self.busy - self.queued)


def measure(processes: Iterable[int]) -> tuple[float, float]:
    """Return for how long processes were on a processor, and waited for one."""
    listed = list(processes)
    return sum(map(processor_seconds, listed)), sum(map(seconds_queued, listed))
