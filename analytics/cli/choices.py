"""Values of options that are more than text: what they must be, and how a shell completes them."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import click
from click.shell_completion import CompletionItem

STATES: Final = ("active", "terminated", "deleted")
INTERVALS: Final = ("hour", "day", "week", "month")
GROUPS: Final = ("workflow", "kind", "result", "failure-kind", "error-code")
COMPARISONS: Final = ("previous", "year")
ANOMALIES: Final = ("failed-jobs", "median-duration", "jobs", "log-lines")


class _Words(click.ParamType[str]):
    """Any text; some words are proposed. Whether it is right is known later, or by the service."""

    def __init__(self, name: str, proposed: Callable[[], Iterable[str]]) -> None:
        self.name, self._proposed = name, proposed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text. Fails for what cannot be sent."""
        text = str(value)
        if not text.isprintable():  # maybe no text at all
            self.fail("must be text", param, ctx)
        return text

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the words that begin so."""
        del ctx, param  # click's signature
        return [CompletionItem(word) for word in self._proposed() if word.startswith(incomplete)]


class _Zone(click.ParamType[ZoneInfo]):
    """An IANA time zone."""

    name = "zone"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ZoneInfo:
        """Return the zone. Fails as click wants it."""
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(value)
        except (ValueError, OSError, LookupError):
            self.fail("must be the name of an IANA time zone, such as Europe/London", param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        """Return the zones that begin so, in upper or lower case."""
        del ctx, param  # click's signature
        begin = incomplete.lower()
        return [
            CompletionItem(name) for name in sorted(available_timezones()) if name.lower().startswith(begin)
        ]


class _Ranks(click.ParamType[tuple[float, ...]]):
    """Ranks of percentiles, separated by commas."""

    name = "ranks"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the ranks. Fails as click wants it."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(one.strip().removeprefix("p")) for one in value.split(","))
        except ValueError:
            self.fail("must be numbers separated by commas, such as 50,95,99.9", param, ctx)


def _moments() -> Iterable[str]:
    from analytics.cli.times import WORDS

    return (*WORDS, "24h", "7d", "30d")


def _measures() -> Iterable[str]:
    from analytics.cli.measures import NAMES

    return (*NAMES, "p50", "p95", "p99")


WHEN: Final = _Words("when", _moments)
KIND: Final = _Words("kind", lambda: ("HEARTBEAT", "CONTAINER"))
MEASURE: Final = _Words("number", _measures)
ZONE: Final = _Zone()
RANKS: Final = _Ranks()


def local_zone() -> ZoneInfo:
    """Return the zone of this machine; UTC where it has none with a name."""
    import tzlocal

    try:
        return ZoneInfo(tzlocal.get_localzone_name())
    except (ValueError, OSError, LookupError, TypeError):
        return ZoneInfo("UTC")
