"""Opaque page tokens: where a page ended, tied to the request that it belongs to. Pure."""

import base64
import binascii
import hashlib
from typing import Any, Final, NamedTuple

import msgspec

from analytics.calendar import Span
from analytics.errors import InvalidField
from analytics.insights.model import Range

_LONGEST: Final = 1_024
_MOST_S: Final = 2**32
_RULE: Final = "must be the next_page_token of the answer before"
_FIELDS_OF_PAGES: Final = ("page_token", "page_size")


class Token(NamedTuple):
    """The range that the first page was about, the number that its last row had (None: none), and what names that row."""

    request: str
    start_s: int
    end_s: int
    is_all_time: bool
    value: float | int | None
    row: str

    @property
    def asked(self) -> Range:
        """The range."""
        return Range(Span(self.start_s, self.end_s), self.is_all_time)


_decode: Final = msgspec.json.Decoder(Token).decode


def request_digest(request: Any) -> str:
    """Return what all pages of one request have in common; another size of pages is the same request."""
    plain = type(request)()
    plain.CopyFrom(request)
    for field in _FIELDS_OF_PAGES:
        plain.ClearField(field)
    return hashlib.sha256(plain.SerializeToString(deterministic=True)).hexdigest()[:32]


def token_text(token: Token) -> str:
    """Return a token as text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode()


def parse_token(text: str, request: str) -> Token | None:
    """Return the token, None for none. Raises InvalidField for one that is not of this request."""
    if not text:
        return None
    try:
        token = _decode(base64.b64decode(text[:_LONGEST], altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidField("page_token", _RULE) from None
    if not 0 <= token.start_s <= token.end_s <= _MOST_S:
        raise InvalidField("page_token", _RULE)
    if token.request != request:
        rule = "belongs to another request: all fields but page_size must stay as they were on the first page"
        raise InvalidField("page_token", rule)
    return token
