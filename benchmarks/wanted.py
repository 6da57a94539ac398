"""The targets of this project, one by one."""

from collections.abc import Iterator
from typing import Final

from benchmarks.names import EMPTIEST, FULLEST, Auth, Insight, all_ingested, asked, asked_of, flat, situations
from benchmarks.targets import Target, Value, best, growth, least, ratio, total, worst

_MOST_GROWTH: Final = 1.15


def _ingest() -> Iterator[Target]:
    for kind, wanted in (("jobs", 1.5), ("jobs", 2.0), ("job_logs", 2.0)):
        goal = ", the goal" if (kind, wanted) == ("jobs", 2.0) else ""
        engine = best("ingest", all_ingested(kind, "engine"), "per_s")
        yield Target(f"ingest {kind}: times the Kafka engine{goal}", ratio(_ours(kind), engine), wanted, True)
    for kind in ("jobs", "job_logs"):
        limit = best("ingest", all_ingested(kind, "limit"), "per_s")
        yield Target(f"ingest {kind}: share of the C limit", ratio(_ours(kind), limit), 0.28, True)
    alone = [name for kind in ("jobs", "job_logs", "mixed") for name in all_ingested(kind, "processor-1")]
    yield Target("ingest: memory of one processor", worst("ingest", alone, "client_mb"), 400, unit=" MB")


def _ours(kind: str) -> Value:
    return best("ingest", all_ingested(kind, "processor"), "per_s")


def _latency() -> Iterator[Target]:
    for situation in situations():
        for measure, wanted in (("p50_ms", 100.0), ("p99_ms", 1000.0)):
            name = f"event to answer {situation}: {measure[:3]}"
            yield Target(name, worst("latency", [situation], measure), wanted, unit=" ms")


def _queries() -> Iterator[Target]:
    for target, wanted in (("workflow", 5.0), ("user with 1,000,000", 10.0)):
        few = [asked(target, callers, auth) for callers in (1, 4) for auth in (Auth.ON, Auth.OFF)]
        yield Target(f"{target}: p99, up to 4 callers", worst("queries", few, "p99_ms"), wanted, unit=" ms")
    many = [asked(target, 64, Auth.ON) for target in ("workflow", "user with 100")]
    yield Target("64 callers, auth: requests/s", least("queries", many, "per_s"), 3000, True)
    yield Target("64 callers, auth: p99", worst("queries", many, "p99_ms"), 50, unit=" ms")


_INSIGHTS: Final = {
    Insight.SUMMARY: 15.0,
    Insight.SUMMARY_ODD: 15.0,
    Insight.SUMMARY_TEN: 50.0,
    Insight.SERIES: 15.0,
    Insight.SERIES_ZONE: 15.0,
    Insight.SERIES_TEN: 50.0,
    Insight.PAGE: 300.0,
}


def _insights() -> Iterator[Target]:
    for insight, wanted in _INSIGHTS.items():
        value = worst("insights", [asked_of(insight, 1)], "p99_ms")
        yield Target(f"{insight.value}: p99, 1 caller", value, wanted, unit=" ms")


def _flatness() -> Iterator[Target]:
    what = "from 10^6 to 10^8 events"
    before, after = (total("flatness", flat("jobs", size), "_cpu_us") for size in (EMPTIEST, FULLEST))
    yield Target(f"CPU an event, {what}", ratio(after, before), _MOST_GROWTH)
    for target in ("workflow", "user"):
        names = (flat(target, EMPTIEST), flat(target, FULLEST))
        yield Target(f"{target}: p50, {what}", growth("flatness", *names, "p50_ms"), _MOST_GROWTH)


TARGETS: Final = (*_ingest(), *_latency(), *_queries(), *_insights(), *_flatness())
