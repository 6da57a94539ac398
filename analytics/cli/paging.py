"""As many rows as were asked for, out of pages. Pure."""

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from typing import Any, TypeVar

PageT = TypeVar("PageT")


def pages_of(
    pages: Iterable[PageT], rows: Callable[[PageT], MutableSequence[Any]], limit: int
) -> Iterator[PageT]:
    """Yield pages until there are so many rows; from the last one the rows beyond are taken away."""
    for page in pages:
        del rows(page)[limit:]
        yield page
        limit -= len(rows(page))
        if limit <= 0:
            return
