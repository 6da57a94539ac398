"""docs/metrics.md, from the declarations in modules of metrics."""

from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Final, NamedTuple

from prometheus_client import Histogram
from prometheus_client.metrics import MetricWrapperBase

import analytics.metrics
import analytics.shared_metrics
import processor.metrics

_HEAD: Final = """\
# Metrics

Written by `make docs` from `analytics/shared_metrics.py`, `analytics/metrics.py` and `processor/metrics.py`: change those,
never this page.

Both programs serve Prometheus metrics at `/metrics` on `METRICS_PORT`. Beside these there are those of every Python
program: `process_*` (CPU, memory, open files, start time) and `python_*`. A histogram `x` has the series `x_bucket`
(label `le`), `x_sum` and `x_count`. The dashboard and the alerts that use them are in `deploy/`; what to do when an alert
fires is in [operations](operations.md#alerts).
"""

SECTIONS: Final[Mapping[str, ModuleType]] = {
    "Both programs": analytics.shared_metrics,
    "Service": analytics.metrics,
    "Processor": processor.metrics,
}


class Declared(NamedTuple):
    """A metric as Prometheus sees it: `series` are the names that a query may use."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str
    bounds: tuple[float, ...]

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may use."""
        if self.kind == "histogram":
            return tuple(self.name + suffix for suffix in ("_bucket", "_sum", "_count"))
        return (self.name,)


def declared(module: ModuleType) -> Iterator[Declared]:
    """Yield the metrics of a module, in their order."""
    for metric in vars(module).values():
        if isinstance(metric, MetricWrapperBase):
            yield _declared(metric)


def _declared(metric: MetricWrapperBase) -> Declared:
    family = next(iter(metric.describe()))
    name = family.name + "_total" if family.type == "counter" else family.name
    bounds = metric._kwargs.get("buckets", ()) if isinstance(metric, Histogram) else ()
    unit = "Unix time, seconds" if name.endswith("_timestamp_seconds") else family.unit
    return Declared(name, family.type, unit, tuple(metric._labelnames), family.documentation, tuple(bounds))


def every_metric() -> list[Declared]:
    """Return the metrics of both programs."""
    return [one for module in SECTIONS.values() for one in declared(module)]


def metrics_page() -> str:
    """Return the page."""
    return _HEAD + "".join(_section(title, declared(module)) for title, module in SECTIONS.items())


def _section(title: str, metrics: Iterable[Declared]) -> str:
    rows = "".join(_row(one) for one in metrics)
    return f"\n## {title}\n\n| metric | kind | unit | labels | meaning |\n|---|---|---|---|---|\n{rows}"


def _row(one: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    bounds = f" Bounds: {'; '.join(f'{bound:,.12g}' for bound in one.bounds)}." if one.bounds else ""
    return f"| `{one.name}` | {one.kind} | {one.unit} | {labels} | {one.meaning}{bounds} |\n"
