"""What processes cost: CPU seconds and peak memory as the kernel counts them in /proc."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

QUIET_SHARE: Final = 0.10
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_IDLE: Final = slice(3, 5)  # idle and iowait in /proc/stat


class Cost(msgspec.Struct, frozen=True):
    """CPU seconds, user and system together, by who spent them."""

    client: float = 0.0
    server: float = 0.0
    broker: float = 0.0

    def minus(self, before: Self) -> "Cost":
        """Return what was spent since `before`."""
        return Cost(self.client - before.client, self.server - before.server, self.broker - before.broker)

    @property
    def total(self) -> float:
        """All three together."""
        return self.client + self.server + self.broker


class Reading(msgspec.Struct, frozen=True):
    """One look: `at_s` on the monotonic clock, which all processes share; `idle` is the sum over all cores."""

    at_s: float
    cost: Cost
    idle: float


@dataclass(frozen=True)
class Meter:
    """The processes that take part: the clients consume, the servers are ClickHouse."""

    clients: tuple[int, ...] = ()
    servers: tuple[int, ...] = ()
    brokers: tuple[int, ...] = ()

    def read(self) -> Reading:
        """Return what they have spent until now."""
        cost = Cost(_sum_s(self.clients), _sum_s(self.servers), _sum_s(self.brokers))
        return Reading(time.monotonic(), cost, idle_s())


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of all threads of a process, those that ended included; a resolution of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S  # utime and stime, fields 14 and 15 of proc(5)


def peak_rss_mb(pids: Iterable[int]) -> float:
    """Return the sum of the largest resident sizes that living processes ever had, in MB of 10^6 bytes."""
    return sum(_high_water_kib(pid) for pid in pids) * 1024 / 1e6


def idle_s() -> float:
    """Return the seconds since boot in which cores had nothing to do, summed over the cores."""
    ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(one) for one in ticks[_IDLE]) / _TICKS_PER_S


def taken_share(first: Reading, last: Reading) -> float:
    """Return the share of all cores, 0 to 1, that those who are measured could not have: the noise.

    Other processes had it, or the hypervisor. It is what is left over, because a throttled virtual machine loses
    ticks that /proc/stat counts nowhere, not even as stolen.
    """
    cores_s = (last.at_s - first.at_s) * (os.cpu_count() or 1)
    had_s = last.cost.minus(first.cost).total + last.idle - first.idle
    return min(1.0, max(0.0, 1 - had_s / cores_s))


def wait_until_quiet(patience_s: float) -> None:
    """Return when others take less than 10% of the machine for a second, or after `patience_s`."""
    deadline, nobody = time.monotonic() + patience_s, Meter()
    while time.monotonic() < deadline:
        before = nobody.read()
        time.sleep(1.0)
        if taken_share(before, nobody.read()) < QUIET_SHARE:
            return


def _sum_s(pids: Iterable[int]) -> float:
    return sum(cpu_s(pid) for pid in pids)


def _high_water_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0  # a kernel thread, or a process that has ended
