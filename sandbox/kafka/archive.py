"""Makes the archive of Kafka's classes as the JVM has loaded them: `python -m sandbox.kafka.archive`.

Half of the CPU of a start is loading classes: 5.3 s without the archive, 2.9 s with it. The tests start a dozen brokers.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sandbox.kafka.broker import CLASSES, LocalKafka

_WRITTEN_WITHIN_S: Final = 180.0


class _Archiving(LocalKafka):
    """Writes the archive when it ends."""

    def _jvm(self) -> list[str]:
        return [*super()._jvm(), f"-XX:ArchiveClassesAtExit={CLASSES}"]

    def stop(self) -> None:
        self._started().stop(_WRITTEN_WITHIN_S)


def main() -> None:
    """Start a broker and end it."""
    CLASSES.unlink(missing_ok=True)
    with TemporaryDirectory() as folder, _Archiving(Path(folder)):
        pass


if __name__ == "__main__":
    main()
