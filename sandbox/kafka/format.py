"""The first files of a Kafka log directory, written without its StorageTool, which is a second JVM of a second."""

import base64
import uuid
from pathlib import Path
from typing import Final

_FEATURES: Final = base64.b64decode(
    "AAAAAAAAAAAAAABHAAAAAAKDtfytACAAAAAAAAABogrGaqsAAAGiCsZqq///////////////////AAAAASoAAAAIAAAAAxYAAAAA"
    "AaIKxmqIAAAAAAAAAAAAAQAAAPEAAAAAAlR9euEAAAAAAAUAAAGiCsZqvQAAAaIKxmq9//////////////////8AAAAGOgAAAAEu"
    "AQwAEW1ldGFkYXRhLnZlcnNpb24AIQAAWgAAAgFOAQwAIWVsaWdpYmxlLmxlYWRlci5yZXBsaWNhcy52ZXJzaW9uAAEAADQAAAQB"
    "KAEMAA5ncm91cC52ZXJzaW9uAAEAADQAAAYBKAEMAA5zaGFyZS52ZXJzaW9uAAIAADgAAAgBLAEMABBzdHJlYW1zLnZlcnNpb24A"
    "AQAAQAAACgE0AQwAFHRyYW5zYWN0aW9uLnZlcnNpb24AAgAAAAAAAAAAAAcAAAA/AAAAAAI4zEVoACAAAAAAAAABogrGar8AAAGi"
    "CsZqv///////////////////AAAAARoAAAAIAAAABAYAAAAA"
)
"""What StorageTool of Kafka 4.4.0 writes of feature levels. It holds no cluster id, node id or port.

For another version: format a directory with its tool and a properties file with static voters, and take this file.
"""

_METADATA: Final = "__cluster_metadata-0"
_CHECKPOINT: Final = "00000000000000000000-0000000000.checkpoint"


def format_directory(directory: Path) -> str:
    """Make a log directory unless there is one; return its cluster id."""
    properties = directory / "meta.properties"
    if not properties.exists():
        (directory / _METADATA).mkdir(parents=True)
        (directory / _METADATA / _CHECKPOINT).write_bytes(_FEATURES)
        properties.write_text(f"version=1\ncluster.id={_new_id()}\nnode.id=1\ndirectory.id={_new_id()}\n")
    fields = dict(line.split("=", 1) for line in properties.read_text().splitlines() if "=" in line)
    return fields["cluster.id"]


def _new_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
