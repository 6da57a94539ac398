"""Decoding of anything: each record becomes exactly one thing, nothing else happens, and memory has its bounds."""

import importlib
import json
import pkgutil
from functools import _lru_cache_wrapper

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import processor.decode
from processor import ids
from processor.additions import additions
from processor.decode.gather import TOPICS, Gathering
from processor.decode.nesting import DEEPEST
from processor.fold import fold
from tests.examples import examples
from tests.mutations import TIMES_MS, check_decoding, mutated
from tests.processor_world import (
    NOW_MS,
    FakeRecord,
    finished_job,
    gathered_of,
    log_line,
    records,
    step,
)

seeds = st.integers(0, 2**40)
nested = b"[" * 200_000
BYTES = [
    None,
    b"",
    b"\0",
    b"\xff" * 1000,
    b"{}",
    b"{" * 200_000,
    b'{"Data":' + nested,
    b'{"EventType":"JOBS","Data":{"a":' + nested,
]


def some_records(values, times_ms=(NOW_MS,)):
    return [FakeRecord(value, at, times_ms[at % len(times_ms)]) for at, value in enumerate(values)]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_damaged_record_becomes_exactly_one_thing(topic):
    @given(
        st.lists(seeds, min_size=1, max_size=12), st.lists(st.sampled_from(TIMES_MS), min_size=1, max_size=5)
    )
    @settings(max_examples=examples(150, soak=20_000))
    def check(seeds, times_ms):
        check_decoding(topic, some_records([mutated(topic, seed) for seed in seeds], times_ms))

    check()


@pytest.mark.parametrize("topic", TOPICS)
def test_so_do_any_bytes(topic):
    @given(st.lists(st.binary(max_size=200), min_size=1, max_size=8))
    @example(BYTES)
    @settings(max_examples=examples(60, soak=5_000))
    def check(values):
        check_decoding(topic, some_records(values))

    check()


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_decoded_can_be_folded_whatever_the_time_of_a_record(topic):
    @given(st.lists(seeds, min_size=1, max_size=12), st.integers(-(2**63), 2**63 - 1))
    @settings(max_examples=examples(100, soak=10_000))
    def check(seeds, time_ms):
        batch = gathered_of(topic, some_records([mutated(topic, seed) for seed in seeds], [time_ms, NOW_MS]))
        named, failures = list(batch.named.values()), list(batch.failures)
        added = additions(batch.keyed, batch.lines, named, streams=batch.streams, failures=failures)
        rows = fold(added, batch.owners)
        assert rows is None or min(column.min() for column in rows.numbers.values()) >= 0

    check()


# --- memory ---

MODULES = [
    ids,
    *(importlib.import_module(f"processor.decode.{one.name}") for one in pkgutil.iter_modules(processor.decode.__path__)),
]  # fmt: skip


def test_every_cache_has_a_bound():
    found = {
        name: one
        for module in MODULES
        for name, one in vars(module).items()
        if isinstance(one, _lru_cache_wrapper)
    }
    assert set(found) == {"parse_id", "utc_second", "workflow_key"}
    assert all(one.cache_parameters()["maxsize"] is not None for one in found.values())


@pytest.mark.parametrize("topic", TOPICS)
def test_an_id_that_is_too_long_is_not_remembered(topic):
    """The bound is in entries, and what is malformed may be of any length. Of clocks 19 characters are remembered."""
    ids.parse_id.cache_clear()
    for at in range(50):
        names = ("EventKey", "ID", "UserID", "WorkflowID", "JobID", "TimeStamp")
        event = dict.fromkeys(names, "x" * 10_000 + str(at))
        gathered_of(topic, records(event | {"EventType": "JOBS", "Action": "BUILD", "Stream": "stdout"}))
    assert ids.parse_id.cache_info().currsize == 0


def test_the_modules_keep_no_data():
    """What grows with records is in the batch, and goes with it."""
    growing = {
        name for module in MODULES for name, one in vars(module).items() if type(one) in (dict, list, set)
    }
    assert not {name for name in growing if not name.startswith("__")}


def test_a_malformed_record_counts_with_all_that_is_kept_of_it():
    """Else a flood of empty values with large keys would be one batch of any size."""
    gathering = Gathering("analytics", 0)
    gathering.add([FakeRecord(b"{", 0, key=b"k" * 100, headers=[("name", b"v" * 50), ("none", None)])])
    gathering.add([FakeRecord(None, 1, key=None)])
    assert gathering.batch.kept_bytes == 1 + 100 + 4 + 50 + 4


# --- nesting ---

FIELDS = {"analytics": finished_job(), "workflows": step("JOB_COMPLETED"), "job_logs": log_line()}


def with_nested(topic, depth, *, in_data=False):
    """A valid record in which so many objects and arrays lie in each other, itself included."""
    event = FIELDS[topic] | {"Later": 0}
    if in_data:
        event["Data"] = {"job_execution_duration": 5, "later": 0}
    inner = depth - 2 if in_data else depth - 1
    nested = "[" * inner + "]" * inner
    return json.dumps(event, separators=(",", ":")).replace('ater":0', f'ater":{nested}', 1).encode()


def reasons_from(frames, topic, value):
    """What is made of a value by a caller whose own callers are so many."""
    if frames:
        return reasons_from(frames - 1, topic, value)
    batch = gathered_of(topic, [FakeRecord(value)])
    return [one.reason for one in batch.rejected]


@pytest.mark.parametrize("frames", [0, 400])
@pytest.mark.parametrize(("topic", "in_data"), [*((topic, False) for topic in TOPICS), ("analytics", True)])
def test_what_is_nested_too_deeply_does_not_depend_on_who_asks(topic, in_data, frames):
    found = [
        reasons_from(frames, topic, with_nested(topic, depth, in_data=in_data))
        for depth in (DEEPEST, DEEPEST + 1)
    ]
    assert found == [[], ["deep_nesting"]]


def test_brackets_in_text_are_no_nesting():
    message = '{"[' * 1000
    assert gathered_of("job_logs", records(log_line(Message=message))).rejected == []
