"""Durations as options take them, written as in Go: `500ms`, `2s`, `1m30s`."""

from typing import Any, Final

import click

from analytics.settings import parse_go_duration_s


class _GoDuration(click.ParamType[float]):
    """Seconds, more than zero."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds. Fails as click wants it."""
        try:
            seconds = float(str(parse_go_duration_s(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail("must be more than zero", param, ctx)
        return seconds


GO_DURATION: Final = _GoDuration()
