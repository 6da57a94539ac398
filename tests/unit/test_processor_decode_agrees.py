"""The fast decoders, the careful readers and the reference model agree about records of every kind."""

import base64
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Reference
from test_processor_values import any_values

from processor.decode.events import FAILED, JOB, RESULT, WAS_COMPLETED, Keyed, Lines
from processor.decode.gather import TOPICS, Gathering
from processor.duplicates import first_ones
from tests.examples import examples
from tests.mutations import verdict
from tests.processor_world import HORIZON_MS, NOW_MS, FakeRecord

GAPS_MS = [0, 0, 1, -5000, 3_600_000, HORIZON_MS, HORIZON_MS + 1, 2 * HORIZON_MS + 2]


@st.composite
def logs(draw, topic):
    """Records of one partition: offsets grow, with gaps; timestamps jump."""
    values = draw(st.lists(any_values(topic), min_size=1, max_size=25))
    offset, records = draw(st.integers(0, 2**40)), []
    for value in values:
        records.append(FakeRecord(value, offset, NOW_MS + draw(st.sampled_from(GAPS_MS))))
        offset += draw(st.sampled_from([1, 1, 1, 3]))
    return records


any_log = st.sampled_from(TOPICS).flatmap(lambda topic: st.tuples(st.just(topic), logs(topic)))


def decoded(topic, records, cut=0):
    gathering = Gathering(topic, records[0].offset())
    for some in (records[:cut], records[cut:]):
        if some:
            gathering.add(some)
    return gathering.batch


def as_corpus(topic, record):
    value = record.value()
    encoded = {"value": None} if value is None else {"value_b64": base64.b64encode(value).decode()}
    return {"topic": topic, "partition_key": "k", "timestamp_ms": record.timestamp()[1]} | encoded


def utc_day(second):
    return datetime.fromtimestamp(second, UTC).date().isoformat()


def counting(columns, identities):
    """The rows that count, by the rule of duplicates over the whole log."""
    places = sorted(range(len(identities)), key=lambda at: columns.offset[at])
    events = [(identities[at], int(columns.time_ms[at])) for at in places]
    return [at for at, counts in zip(places, first_ones(events, {}, HORIZON_MS), strict=True) if counts]


class Totals:
    """What both sides are asked for."""

    def __init__(self):
        self.durations = defaultdict(list)
        self.failed_durations = defaultdict(list)
        self.completed = Counter()
        self.failed = Counter()  # by workflow, and by kind and code
        self.lines = Counter()  # by workflow and stream
        self.job_days = defaultdict(lambda: [0, 0])
        self.line_days = Counter()

    def plain(self):
        durations, failed_durations = (
            {flow: sorted(seconds) for flow, seconds in one.items() if seconds}
            for one in (self.durations, self.failed_durations)
        )
        counters = +self.completed, +self.failed, +self.lines, +self.line_days
        return durations, failed_durations, dict(self.job_days), *counters


def totals_of_batch(batch):
    totals, owners, ways = Totals(), batch.owners, list(batch.failures)
    named = [
        (str(UUID(int=user)), str(UUID(int=flow)))
        for user, flow in zip(owners.users, owners.workflows, strict=True)
    ]
    if batch.keyed:
        keyed = Keyed.concatenate(batch.keyed)
        keys = zip(keyed.key_hi.tolist(), keyed.key_lo.tolist(), keyed.has_key.tolist(), strict=True)
        identities = [(hi, lo) if has_key else at for at, (hi, lo, has_key) in enumerate(keys)]
        for at in counting(keyed, identities):
            user, flow = named[keyed.owner[at]]
            amount, detail = int(keyed.amount[at]), int(keyed.detail[at])
            if keyed.event[at] == JOB:
                _add_job(totals, user, flow, keyed.at_s[at], amount, has_failed=detail == FAILED)
            elif keyed.event[at] == RESULT and detail == WAS_COMPLETED:
                totals.completed[flow] += 1
            elif keyed.event[at] == RESULT:
                totals.failed[flow, " ".join(ways[detail - 1])] += 1
            else:
                _add_line(totals, user, flow, keyed.at_s[at], "stderr" if detail else "stdout")
    if batch.lines:
        lines = Lines.concatenate(batch.lines)
        identities = list(
            zip((batch.streams[at] for at in lines.stream), lines.sequence.tolist(), strict=True)
        )
        for at in counting(lines, identities):
            _add_line(totals, *named[lines.owner[at]], lines.at_s[at], batch.streams[lines.stream[at]].name)
    return totals.plain()


def _add_job(totals, user, flow, second, seconds, *, has_failed):
    totals.durations[flow].append(seconds)
    if has_failed:
        totals.failed_durations[flow].append(seconds)
    day = totals.job_days[user, utc_day(second)]
    day[0], day[1] = day[0] + 1, day[1] + seconds


def _add_line(totals, user, flow, second, stream):
    totals.lines[flow, stream] += 1
    totals.line_days[user, utc_day(second)] += 1


def as_name(text):
    """A failure kind or error code as it is counted."""
    return text if re.fullmatch(r"[0-9A-Za-z_.:/-]{0,64}", text) else "OTHER"


def totals_of_reference(reference):
    totals = Totals()
    for flow, workflow in reference.workflows.items():
        totals.durations[str(flow)] = workflow.durations
        totals.failed_durations[str(flow)] = workflow.durations_by_status["FAILED"]
        totals.completed[str(flow)] = workflow.completed
        for way, count in workflow.by_way.items():
            totals.failed[str(flow), " ".join(map(as_name, way))] += count
        for stream, count in workflow.lines.items():
            totals.lines[str(flow), stream] = count
    for user, days in reference.job_days.items():
        totals.job_days |= {(user, day): numbers for day, numbers in days.items()}
    for user, days in reference.line_days.items():
        totals.line_days |= Counter({(user, day): count for day, count in days.items()})
    return totals.plain()


def named_at(batch):
    return {flow: named.offset for flow, named in batch.named.items()}


def generations_of_batch(batch):
    return {
        str(UUID(int=flow)): (facts.build[0], facts.terminate[0], facts.deleted_ms > 0)
        for (_, flow), facts in batch.facts.items()
    }


def generations_of_reference(reference):
    return {
        str(flow): (workflow.generation["build"], workflow.generation["terminate"], workflow.deleted)
        for flow, workflow in reference.workflows.items()
    }


@pytest.mark.parametrize("topic", TOPICS)
def test_the_decoders_count_what_the_reference_counts(topic):
    @given(logs(topic))
    @settings(max_examples=examples(80, soak=5_000), deadline=None)
    def check(records):
        batch, reference, names = decoded(topic, records), Reference(), {}
        for record in records:
            reference.feed([as_corpus(topic, record)])
            for flow in [flow for flow, workflow in reference.workflows.items() if workflow.named]:
                names.setdefault(flow.int, record.offset())
        malformed = {records[one["line"] - 1].offset() for one in reference.malformed}
        assert {one.record.offset() for one in batch.rejected} == malformed
        assert batch.skipped["unknown"] == reference.unknown[topic]
        assert totals_of_batch(batch) == totals_of_reference(reference)
        assert named_at(batch) == names
        if topic == "workflows":
            known = generations_of_reference(reference)
            assert generations_of_batch(batch).items() <= known.items()
            nothing = (-1, -1, False)
            assert {flow for flow, one in known.items() if one != nothing} <= generations_of_batch(
                batch
            ).keys()

    check()


@given(any_log)
@settings(max_examples=examples(80, soak=5_000), deadline=None)
def test_the_fast_decoders_refuse_what_the_careful_readers_refuse_for_the_same_reason(log):
    topic, records = log
    verdicts = {record.offset(): verdict(topic, record.value()) for record in records}
    batch = decoded(topic, records)
    refused = {one.record.offset(): one.reason for one in batch.rejected}
    assert refused == {offset: one for offset, one in verdicts.items() if one.islower()}
    assert batch.skipped["estimate"] == list(verdicts.values()).count("Estimate")


@given(any_log, st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_records_may_arrive_in_any_portions(log, cut):
    topic, records = log
    at_once, in_two = decoded(topic, records), decoded(topic, records, cut)
    assert totals_of_batch(in_two) == totals_of_batch(at_once)
    assert (named_at(in_two), in_two.facts) == (named_at(at_once), at_once.facts)
    assert set(in_two.rejected) == set(at_once.rejected)


@given(any_log)
@settings(max_examples=60, deadline=None)
def test_a_batch_covers_all_offsets_of_its_records(log):
    topic, records = log
    batch = decoded(topic, records)
    assert (batch.first, batch.end, batch.records) == (
        records[0].offset(),
        records[-1].offset() + 1,
        len(records),
    )
