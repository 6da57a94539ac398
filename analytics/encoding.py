"""Compression of messages: the answer follows the request's encoding, gzip or none.

gRPC hides a request's encoding from a Python server. So the server takes messages as they came
(SERVER_OPTIONS) and they are unpacked here. No protobuf message begins like a gzip file: 0x1f would be wire
type 7, which does not exist.
"""

import zlib
from typing import Final

from analytics.errors import MalformedRequest, RequestTooLarge

_IDENTITY_AND_GZIP: Final = 0b101  # bit 1 is deflate, which Chronoverse never used: it gets UNIMPLEMENTED
SERVER_OPTIONS: Final = (
    ("grpc.per_message_decompression", 0),
    ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
)
MAX_REQUEST_BYTES: Final = 1 << 20  # so large that 100 kB in an id is named as the fault
MAX_ANSWER_BYTES: Final = 4 << 20  # what clients take by default; the longest time series has less
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


def is_gzip(raw: bytes) -> bool:
    """Tell whether a request came compressed."""
    return raw.startswith(_GZIP_MAGIC)


def unpack(raw: bytes) -> bytes:
    """Return the message in its plain form. Raises MalformedRequest or RequestTooLarge; memory is bounded."""
    if not is_gzip(raw):
        return raw
    unzip = zlib.decompressobj(wbits=_GZIP_WINDOW)
    try:
        plain = unzip.decompress(raw, MAX_REQUEST_BYTES + 1)
    except zlib.error:
        raise MalformedRequest("the request is no valid gzip stream") from None
    if len(plain) > MAX_REQUEST_BYTES:
        raise RequestTooLarge(f"the request is larger than {MAX_REQUEST_BYTES} bytes")
    if not unzip.eof:
        raise MalformedRequest("the request is no whole gzip stream")
    return plain
