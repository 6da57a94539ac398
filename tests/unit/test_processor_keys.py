"""Keys of the duplicate index."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.decode.keys import (
    COMPLETED_TAG,
    FAILED_TAG,
    hashed_key,
    id_keys,
    job_keys,
    result_key,
    workflow_key,
)
from tests.processor_world import JOB, WORKFLOW, some_id

REGULAR = f"analytics:job:{JOB}:completed"
TOP_BIT = 1 << 63

v7_ids = st.builds(
    lambda ms, a, b: str(UUID(int=ms << 80 | 7 << 76 | a << 64 | 2 << 62 | b)),
    st.integers(0, 2**48 - 1),
    st.integers(0, 2**12 - 1),
    st.integers(0, 2**62 - 1),
)
regular = v7_ids.map("analytics:job:{}:completed".format)
any_ids = st.one_of(v7_ids, st.uuids().map(str))
irregular = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=70),
    any_ids.map("workflow:job:{}:JOB_COMPLETED".format),
    v7_ids.map(lambda one: f"analytics:job:{one.upper()}:completed").filter(lambda key: key != key.lower()),
    st.uuids(version=4).map("analytics:job:{}:completed".format),
    regular.map(lambda key: key + "\n"),
    regular.map(lambda key: "\u00e9" + key[1:]),
    regular.map(lambda key: key[:-1] + "D"),
)
event_keys = st.one_of(regular, irregular)

IRREGULAR = {
    "empty": "",
    "upper-case id": REGULAR.upper().replace("ANALYTICS:JOB", "analytics:job").replace("COMPLETED", "completed"),
    "version 4": "analytics:job:0195643e-d946-4293-84fc-8ba6a49b0001:completed",
    "another variant": "analytics:job:0195643e-d946-7293-c4fc-8ba6a49b0001:completed",
    "a letter that is no digit": "analytics:job:0195643g-d946-7293-84fc-8ba6a49b0001:completed",
    "hyphens elsewhere": "analytics:job:0195643-ed946-7293-84fc-8ba6a49b0001:completed",
    "of the same length, not ASCII": REGULAR[:-1] + "\u0434",
    "a dead letter": "dead_letter:0195643e-d946-7293-84fc-8ba6a49b0001/0@17",
    "another word behind": f"analytics:job:{JOB}:cancelled",
    "of a workflow": f"analytics:workflow:{JOB}",
}  # fmt: skip


def keys_of(texts):
    """Keys as pairs of integers."""
    keys = job_keys(texts)
    return list(zip(keys.hi.tolist(), keys.lo.tolist(), strict=True))


def is_regular(key):
    return key[1] >= TOP_BIT


@given(regular)
@settings(max_examples=80, deadline=None)
def test_the_key_of_a_regular_event_key_has_the_top_bit(text):
    assert is_regular(keys_of([text])[0])


@given(irregular)
@settings(max_examples=120, deadline=None)
def test_the_key_of_any_other_event_key_has_not(text):
    assert not is_regular(keys_of([text])[0])


@pytest.mark.parametrize("text", IRREGULAR.values(), ids=IRREGULAR.keys())
def test_what_only_resembles_a_regular_event_key_is_hashed(text):
    assert keys_of([text]) == [hashed_key(text)]


@given(st.lists(event_keys, max_size=8), event_keys, st.lists(event_keys, max_size=8))
@settings(max_examples=120, deadline=None)
def test_a_key_does_not_depend_on_the_rest_of_the_batch(before, text, behind):
    assert keys_of([*before, text, *behind])[len(before)] == keys_of([text])[0]


@given(st.lists(regular, max_size=8), regular)
@settings(max_examples=60, deadline=None)
def test_a_regular_key_does_not_depend_on_an_irregular_one_of_the_same_length(others, text):
    """All of them of one length go through the columns together."""
    stranger = text[:14] + "z" + text[15:]
    assert keys_of([*others, text, stranger])[len(others)] == keys_of([text])[0]


@given(regular, regular)
@settings(max_examples=120, deadline=None)
def test_two_regular_event_keys_never_share_a_key(one, other):
    assert (keys_of([one]) == keys_of([other])) == (one == other)


@given(regular, st.integers(0, 31), st.sampled_from("0123456789abcdef"))
@settings(max_examples=120, deadline=None)
def test_one_other_digit_is_another_key(text, place, digit):
    at = 14 + [at for at in range(36) if at not in (8, 13, 18, 23)][place]
    other = text[:at] + digit + text[at + 1 :]
    assert (keys_of([text]) == keys_of([other])) == (text == other)


@given(st.lists(event_keys, unique=True, max_size=12))
@settings(max_examples=60, deadline=None)
def test_different_event_keys_have_different_keys(texts):
    """Of the hashed ones two in 2^79 may share one."""
    assert len(set(keys_of(texts))) == len(texts)


@given(v7_ids, v7_ids)
@settings(max_examples=80, deadline=None)
def test_keys_lie_in_the_order_of_the_times_inside_their_ids(one, other):
    older, younger = sorted((UUID(one).int >> 80, UUID(other).int >> 80))
    first, second = sorted(keys_of([f"analytics:job:{one}:completed", f"analytics:job:{other}:completed"]))
    assert (first[0] >> 16, second[0] >> 16) == (older, younger)


@pytest.mark.parametrize(
    "text", [REGULAR, REGULAR.upper(), f"workflow:job:{JOB}:JOB_FAILED", f"log:{JOB}:stdout:5"]
)
def test_every_key_begins_with_the_time_of_the_id_inside(text):
    assert keys_of([text])[0][0] >> 16 == UUID(JOB).int >> 80


@pytest.mark.parametrize(
    "text", ["", "job 17", "analytics:job:8a6e0804-2bd0-4672-b79d-d97027f9071a:completed"]
)
def test_without_an_id_of_version_7_a_key_begins_with_zero(text):
    assert keys_of([text])[0][0] >> 16 == 0


def test_no_event_keys_have_no_keys():
    assert keys_of([]) == []


@given(any_ids)
@settings(max_examples=60, deadline=None)
def test_no_event_key_has_the_key_of_a_workflow(workflow):
    """Else an event could be taken for the name of a workflow, and be a repeat of it."""
    named = workflow_key(UUID(workflow).int)
    assert named not in keys_of(
        [workflow, f"analytics:workflow:{workflow}", f"analytics:job:{workflow}:completed"]
    )


def test_the_key_of_a_workflow_begins_with_the_time_of_its_id():
    assert workflow_key(UUID(WORKFLOW).int)[0] >> 16 == UUID(WORKFLOW).int >> 80


def test_the_key_of_a_workflow_is_the_same_whichever_way_its_id_is_spelled():
    assert workflow_key(UUID(WORKFLOW).int) == workflow_key(UUID(WORKFLOW.upper()).int)


def test_different_workflows_have_different_keys():
    assert len({workflow_key(UUID(some_id(number)).int) for number in range(1000)}) == 1000


# --- results ---

ACTIONS = ("JOB_COMPLETED", "JOB_FAILED")
regular_results = st.builds("workflow:job:{}:{}".format, v7_ids, st.sampled_from(ACTIONS))


@given(regular_results)
@settings(max_examples=80, deadline=None)
def test_the_key_of_a_regular_result_has_the_top_bit_and_the_time_of_its_job(text):
    key = result_key(text)
    assert is_regular(key)
    assert key[0] >> 16 == UUID(text.split(":")[2]).int >> 80


@given(regular_results, st.one_of(regular_results, regular))
@settings(max_examples=120, deadline=None)
def test_a_regular_result_shares_its_key_with_no_other_event_key(one, other):
    key = keys_of([other])[0] if other.startswith("analytics") else result_key(other)
    assert (result_key(one) == key) == (one == other)


@given(v7_ids)
@settings(max_examples=60, deadline=None)
def test_the_end_of_a_job_and_both_results_of_it_have_three_keys(job):
    results = [result_key(f"workflow:job:{job}:{action}") for action in ACTIONS]
    assert len({*results, *keys_of([f"analytics:job:{job}:completed"])}) == 3


@pytest.mark.parametrize(
    "text",
    ["", JOB, f"workflow:job:{JOB.upper()}:JOB_FAILED", f"workflow:job:{JOB}:JOB_FAILED\n", f"workflow:job:{JOB}:BUILD",
     "workflow:job:8a6e0804-2bd0-4672-b79d-d97027f9071a:JOB_FAILED", f"analytics:job:{JOB}:completed"],
)  # fmt: skip
def test_what_only_resembles_the_event_key_of_a_result_is_hashed(text):
    assert result_key(text) == hashed_key(text)
    assert not is_regular(result_key(text))


@pytest.mark.parametrize(("action", "tag"), [("JOB_COMPLETED", COMPLETED_TAG), ("JOB_FAILED", FAILED_TAG)])
def test_the_key_of_a_result_is_the_same_in_bulk(action, tag):
    keys, valid = id_keys(np.frombuffer(JOB.encode(), np.uint8).reshape(1, 36), tag)
    assert valid.all()
    assert (int(keys.hi[0]), int(keys.lo[0])) == result_key(f"workflow:job:{JOB}:{action}")


@pytest.mark.parametrize(("action", "digit"), [("JOB_COMPLETED", "2"), ("JOB_FAILED", "3")])
def test_the_keys_of_results_are_those_of_the_tables(action, digit):
    """They are stored: what is pinned here may never change."""
    pinned = int(f"0195643ed946{digit}29384fc8ba6a49b0001", 16)
    assert result_key(f"workflow:job:{JOB}:{action}") == divmod(pinned, 1 << 64)


def test_a_key_survives_its_way_through_64_bit_columns():
    keys = job_keys([REGULAR, "x"])
    assert (keys.hi.dtype, keys.lo.dtype) == (np.uint64, np.uint64)
