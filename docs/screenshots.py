"""Draws the pictures in docs/images again: `python -m docs.screenshots`. The answers behind them are those of the tests."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import CONSOLE_SVG_FORMAT, Console, RenderableType

from analytics.cli.anomaly_tables import anomalies_view
from analytics.cli.measures import measure_of
from analytics.cli.notes import range_words
from analytics.cli.plots import file, terminal
from analytics.cli.plots.frame import Frame, frame_of
from analytics.cli.series_lines import Lines, by_group
from analytics.cli.series_tables import series_view
from analytics.cli.summary_tables import summary_view
from tests import insight_answers as answers
from tests.grpc_world import USER

IMAGES: Final = Path(__file__).parent / "images"
_WIDTH: Final = 100
_WITHOUT_FONTS: Final = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""The fonts of the reader: a picture must not fetch any."""


def main() -> None:
    """Draw all of them."""
    IMAGES.mkdir(exist_ok=True)
    for name, svg in shots():
        (IMAGES / f"{name}.svg").write_text(svg)
    _, frame = _jobs_by_result()
    note = "chronoverse-analytics series --from 8d --by result --plot jobs.svg"
    file.save(frame, IMAGES / "series-plot.svg", note=note)


def shots() -> Iterator[tuple[str, str]]:
    """Yield the names and the SVG of what terminals show."""
    zone = answers.LONDON
    summary = summary_view(str(USER), answers.summary(), zone)
    yield "summary", _shot("summary --from last-month --to last-month --compare previous", summary)
    lines, frame = _jobs_by_result()
    chart = terminal.chart(frame, width=_WIDTH, height=20)
    found = answers.series("COMPLETED", "FAILED", group_by="result")
    yield (
        "series",
        _shot("series --from 8d --by result --chart", series_view(frame.title, found, lines, zone, chart)),
    )
    page = answers.anomalies()
    title = f"hours that stand out, {range_words(answers.october(), zone)}"
    view = anomalies_view(title, page, page.anomalies, left=False, zone=zone)
    yield "anomalies", _shot("anomalies --from this-month", view)


def _jobs_by_result() -> tuple[Lines, Frame]:
    jobs = measure_of("jobs")
    assert jobs is not None
    lines = by_group(answers.series("COMPLETED", "FAILED", group_by="result"), jobs, "result")
    return lines, frame_of(lines, every="day", zone=answers.LONDON.key)


def _shot(command: str, view: RenderableType) -> str:
    console = Console(
        record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(view)
    name = command.split()[0]
    return console.export_svg(
        title=f"chronoverse-analytics {command}", code_format=_WITHOUT_FONTS, unique_id=name
    )


if __name__ == "__main__":
    main()
