"""Answers that come in pages: their rows one after the other, or page by page."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar


class Page(Protocol):
    """What an answer in pages has."""

    @property
    def next_page_token(self) -> str:
        """For the next page; empty: this is the last one."""


PageT = TypeVar("PageT", bound=Page)
RowT = TypeVar("RowT")


class Pager(Generic[PageT, RowT]):
    """Rows of all pages, each asked for when it is needed. May be iterated again, which asks again.

    `ask` returns the page of a token; it raises CallFailed, and so do the iterators.
    """

    def __init__(
        self, ask: Callable[[str], PageT], rows: Callable[[PageT], Iterable[RowT]], first: str
    ) -> None:
        self._ask, self._rows, self._first = ask, rows, first

    def __iter__(self) -> Iterator[RowT]:
        for page in self.pages():
            yield from self._rows(page)

    def pages(self) -> Iterator[PageT]:
        """Yield the answers themselves, which have what is not in rows: freshness, and how many rows there are."""
        page = self._ask(self._first)
        yield page
        while page.next_page_token:
            page = self._ask(page.next_page_token)
            yield page
