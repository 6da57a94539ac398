"""Corpus files: Kafka records as JSON lines (`*.jsonl` or `*.jsonl.gz`)."""

import base64
import binascii
import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

import msgspec

from sandbox.errors import UnreadableCorpus

Progress = Callable[[int], None]
"""Gets the position in a file, in bytes."""


class Playable(Protocol):
    """A Kafka record to be: read from a corpus file, or generated. `value_bytes` None is a tombstone."""

    @property
    def topic(self) -> str: ...  # noqa: D102 -- as in Kafka
    @property
    def key(self) -> str | None: ...  # noqa: D102 -- as in Kafka
    @property
    def value_bytes(self) -> bytes | None: ...  # noqa: D102 -- as in Kafka
    @property
    def headers(self) -> Sequence[tuple[str, str | None]]: ...  # noqa: D102 -- as in Kafka
    @property
    def timestamp_ms(self) -> int:
        """CreateTime."""

    @property
    def partition_key(self) -> str:
        """What chooses the partition, also of a record without a key."""


class CorpusRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `key` null: no record key. `value` and `value_b64` null: a tombstone."""

    topic: str
    partition_key: str
    timestamp_ms: int
    key: str | None = None
    value: str | None = None
    value_b64: str | None = None
    headers: tuple[tuple[str, str | None], ...] = ()

    @property
    def value_bytes(self) -> bytes | None:
        """The value as it goes to Kafka. Raises binascii.Error when `value_b64` is not base64."""
        if self.value_b64 is not None:
            return base64.b64decode(self.value_b64, validate=True)
        return None if self.value is None else self.value.encode()


def read_corpus(path: Path, progress: Progress | None = None) -> Iterator[CorpusRecord]:
    """Yield the records in the order of the file. Raises UnreadableCorpus.

    `progress` gets the position now and then and at the end, in the file as it is: compressed or not.
    """
    decoder = msgspec.json.Decoder(CorpusRecord)
    number = 0
    with _readable(path, lambda: number), path.open("rb") as file:
        for number, line in enumerate(_unpacked(file, path), start=1):
            record = decoder.decode(line)
            if record.value_b64 is not None:
                assert record.value_bytes is not None  # it is base64, or this line is reported
            yield record
            if progress and number % 256 == 0:
                progress(file.tell())
        if progress:
            progress(file.tell())


def _unpacked(file: IO[bytes], path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file)) if path.suffix == ".gz" else file


@contextmanager
def _readable(path: Path, line: Callable[[], int]) -> Iterator[None]:
    """Turn the ways in which a file can be unreadable into one."""
    try:
        yield
    except (msgspec.DecodeError, binascii.Error, UnicodeError) as error:
        raise UnreadableCorpus(f"{path}, line {line()} is not a record: {error}") from error
    except (OSError, EOFError) as error:
        raise UnreadableCorpus(f"{path} cannot be read: {error}") from error
