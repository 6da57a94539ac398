import gzip
import zlib

import grpc
import pytest

from analytics.encoding import MAX_REQUEST_BYTES, unpack
from analytics.errors import MalformedRequest, RequestTooLarge
from analytics.interceptors import Decode


def test_plain_request_stays():
    """What did not come compressed is left as it is."""
    assert unpack(b"\x0a\x01x") == b"\x0a\x01x"


def test_gzip_request_is_unpacked():
    """What came as gzip is unpacked."""
    assert unpack(gzip.compress(b"\x0a\x01x")) == b"\x0a\x01x"


@pytest.mark.parametrize("broken", [b"\x1f\x8b", gzip.compress(b"x", mtime=0)[:-1], b"\x1f\x8b" + b"x" * 20])
def test_broken_gzip(broken):
    """A stream that is cut or garbled is a malformed request."""
    with pytest.raises(MalformedRequest):
        unpack(broken)


def test_bomb_is_refused():
    """A small request that unpacks to more than the limit is refused, and never held in memory whole."""
    bomb = zlib.compressobj(wbits=31)
    with pytest.raises(RequestTooLarge):
        unpack(bomb.compress(bytes(MAX_REQUEST_BYTES + 1)) + bomb.flush())


class RecordingContext:
    """Remembers the compression of the answer."""

    compression = None

    def set_compression(self, compression):
        self.compression = compression


@pytest.mark.parametrize(
    ("raw", "compression"),
    [(b"x", None), (gzip.compress(b"x"), grpc.Compression.Gzip)],
    ids=["plain", "gzip"],
)
async def test_answer_follows_the_request(raw, compression):
    """The answer to a gzip request may be gzip, the answer to a plain one is plain."""

    async def echo(request, _):
        return request

    context = RecordingContext()
    handler = Decode().wrap("/a.B/C", grpc.unary_unary_rpc_method_handler(echo, request_deserializer=bytes))
    assert await handler.unary_unary(raw, context) == b"x"
    assert context.compression is compression
