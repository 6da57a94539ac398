"""Records that cannot be events: each is parked with its reason, and nothing else is lost."""

import json
import random
from collections import Counter

import pytest

from tests.eventually import eventually
from tests.faults.dead_letters import (
    MARKER,
    TOPIC,
    Letter,
    Origin,
    bad,
    here,
    letters_by_origin,
    limit_bytes,
    place,
    read_letters,
)
from tests.faults.histories import total
from tests.faults.log import Event, job, jobs, line, user, workflow
from tests.faults.world import FaultWorld, recreate_topics
from tests.processor_world import as_value, finished_job, log_line, step

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

M = MARKER.encode()
DEEP = 50_000
FORMS: list[tuple[str, object, str]] = [
    ("analytics", None, "null_value"),
    ("analytics", b"", "empty_value"),
    ("analytics", b"\xff\xfe" + M, "invalid_utf8"),
    ("analytics", b'{"EventKey":"' + M + b'\xff"}', "invalid_utf8"),
    ("analytics", json.dumps({M.decode(): 1}).encode("utf-16"), "invalid_utf8"),
    ("analytics", b"\xef\xbb\xbf" + json.dumps(finished_job(EventKey=MARKER)).encode(), "not_json"),
    ("analytics", b'{"' + M + b'"', "not_json"),
    ("analytics", b"\0" + M, "not_json"),
    ("analytics", json.dumps(finished_job()).encode() + M, "not_json"),
    ("analytics", b"null", "not_an_object"),
    ("analytics", b'["' + M + b'"]', "not_an_object"),
    ("analytics", b'{"' + M + b'":' + b"[" * DEEP + b"]" * DEEP + b"}", "deep_nesting"),
    ("analytics", b'{"Data":' * DEEP + b"1" + b"}" * DEEP, "deep_nesting"),
    ("analytics", finished_job(UserID=MARKER), "invalid_user_id"),
    ("analytics", finished_job(seconds=MARKER), "invalid_duration"),
    ("analytics", finished_job(seconds=10**400), "invalid_duration"),
    ("analytics", finished_job(EventKey=[MARKER]), "wrong_type"),
    ("workflows", None, "null_value"),
    ("workflows", {"ID": MARKER}, "missing_action"),
    ("workflows", step(ID=MARKER), "invalid_workflow_id"),
    ("workflows", step(generation=MARKER), "wrong_type"),
    ("job_logs", None, "null_value"),
    ("job_logs", log_line(stream=MARKER), "invalid_stream"),
    ("job_logs", log_line(TimeStamp=MARKER), "invalid_time"),
    ("job_logs", log_line(sequence=-1, Message=MARKER), "wrong_type"),
]


def malformed_forms() -> list[Event]:
    return [bad(value, topic) for topic, value, _ in FORMS]


# --- what is parked ---


def test_each_is_parked_once_as_it_is_with_its_reason(world: FaultWorld) -> None:
    events = malformed_forms()
    world.publish(one for event in events for one in (event, *here(job(1), line(1, 1))))
    worker = world.start()
    world.require_exact()
    found = letters_by_origin(world)
    assert len(read_letters(world)) == len(FORMS) or "will_try_again" in worker.log_text
    assert {origin: letter.ours["reason"] for origin, letter in found.items()} == {
        place(world, event): reason for event, (_, _, reason) in zip(events, FORMS, strict=True)
    }
    for event in events:
        letter = found[place(world, event)]
        assert letter[:3] == (event.value, M, list(event.headers))
        assert letter.ours["timestamp_ms"] == str(event.time_ms)


@pytest.mark.parametrize("crash", ["", "after-parking=raise"])
def test_nothing_of_them_is_in_the_log_of_the_program(world: FaultWorld, crash: str) -> None:
    """Not even when it ends by an error that nobody has foreseen."""
    world.publish(malformed_forms())
    worker = world.start(crash=crash, LOG_LEVEL="debug")
    if crash:
        eventually(lambda: worker.exit_code is not None, within_s=60)
        assert "InjectedError" in worker.log_text
        world.start(LOG_LEVEL="debug")
    world.require_exact()
    assert [one.name for one in world.workers if MARKER in one.log_text] == []


def test_it_does_not_use_up_its_event_key(world: FaultWorld) -> None:
    world.start()
    for first in (0, 10):  # in one batch, and in batches of their own
        broken = [as_value(one.value | {"UserID": "?"}) for one in jobs(first, 10)]
        world.publish(Event("analytics", value, workflow(0)) for value in broken)
        if first:
            world.await_applied(world.ends().total())
        world.publish([*jobs(first, 10), *jobs(first, 10)])
    world.require_exact()
    assert total(world, "jobs") == 20


@pytest.mark.parametrize(
    ("point", "fewest"), [("while-parking", 1), ("after-parking", 2), ("before-insert", 2)]
)
def test_it_is_parked_again_after_a_kill_and_numbers_stay_right(
    world: FaultWorld, point: str, fewest: int
) -> None:
    """What was only sent may have arrived, or not."""
    events = [bad({"number": number}) for number in range(40)]
    world.publish(one for event in events for one in (event, *here(job(7))))
    world.start(crash=point).await_crash()
    world.start(KAFKA_CONSUMER_GROUP=f"{world.group}-next")
    world.require_exact()
    found = Counter(letter.origin for letter in read_letters(world))
    assert found.keys() == {place(world, event) for event in events}
    assert min(found.values()) >= fewest


# --- of any size ---


def noise(count: int) -> bytes:
    """Bytes that cannot be compressed, and are no UTF-8."""
    return b"\xff" + random.Random(count).randbytes(count - 1)


def test_huge_events_count_and_huge_malformed_ones_are_parked_without_their_value(world: FaultWorld) -> None:
    for topic in ("analytics", "job_logs"):
        limit_bytes(world, topic, 5 << 20)
    owner = {"UserID": user(0), "WorkflowID": workflow(0)}
    huge = bad(noise(4_000_000))
    counted = [
        Event("analytics", finished_job(Filler="x" * 4_000_000, **owner), workflow(0)),
        Event("job_logs", log_line(Message="x" * 4_000_000, **owner), workflow(0)),
    ]
    world.publish([*jobs(10, 5), huge, *here(*jobs(20, 5)), *counted, *counted])
    world.start()
    world.require_exact()
    assert (total(world, "jobs"), total(world, "log_lines"), total(world, "log_bytes")) == (11, 1, 4_000_000)
    letter = only_letter(world)
    assert letter[:3] == (None, M, list(huge.headers))
    assert (letter.ours["value_bytes"], letter.ours["reason"]) == ("4000000", "invalid_utf8")


def test_a_topic_that_takes_it_gets_all_of_it(world: FaultWorld) -> None:
    for topic in ("analytics", TOPIC):
        limit_bytes(world, topic, 5 << 20)
    world.publish([huge := bad(noise(4_000_000))])
    world.start()
    world.require_exact()
    assert only_letter(world)[:3] == (huge.value, M, list(huge.headers))


def test_even_one_with_huge_headers_is_parked(world: FaultWorld) -> None:
    """Its partition would wait for ever otherwise."""
    limit_bytes(world, "analytics", 5 << 20)
    huge = bad(b"?", headers=(("baggage", noise(2_000_000)),))
    world.publish([huge, *here(*jobs(0, 5))])
    world.start()
    world.require_exact()
    letter = only_letter(world)
    assert (letter.origin, letter.ours["value_bytes"]) == (Origin("analytics", 0, 0), "1")
    assert letter[:3] == (None, None, [])


def test_small_ones_keep_their_value_beside_a_large_one(world: FaultWorld) -> None:
    """Together they are too large for this topic."""
    limit_bytes(world, TOPIC, 2_000)
    small, large = [bad(noise(300 + number)) for number in range(20)], bad(noise(5_000))
    world.publish([*small[:10], large, *small[10:], *here(*jobs(0, 5))])
    world.start()
    world.require_exact()
    found = letters_by_origin(world)
    assert {origin: letter.value for origin, letter in found.items()} == {
        place(world, one): one.value if one in small else None for one in [*small, large]
    }


def only_letter(world: FaultWorld) -> Letter:
    (letter,) = letters_by_origin(world).values()
    return letter


# --- when nothing can be parked ---


def some_behind_a_malformed_one() -> tuple[Event, list[Event]]:
    """The malformed record, and it with ten jobs before and behind it, in partition 0."""
    broken = bad(b"?")
    return broken, [*here(*jobs(0, 10)), broken, *here(*jobs(10, 10))]


def elsewhere() -> list[Event]:
    """Seven jobs of workflows of their own, and a line, in other partitions."""
    return [*(one._replace(partition=1) for one in jobs(50, 7, workflows=100)), line(1, 1)]


def require_waiting(world: FaultWorld) -> None:
    """What lies elsewhere is counted, and nothing from the malformed record on."""
    before_it = world.applied() - len(elsewhere())
    assert before_it <= 10
    assert total(world, "jobs") == before_it + 7


def test_a_partition_waits_while_the_topic_takes_nothing(world: FaultWorld) -> None:
    limit_bytes(world, TOPIC, 10)
    broken, events = some_behind_a_malformed_one()
    world.publish([*events, *elsewhere()])
    worker = world.start()
    eventually(lambda: worker.log_text.count("will_try_again") > 1, within_s=60)
    world.await_applied(len(elsewhere()))
    require_waiting(world)
    assert read_letters(world) == []
    limit_bytes(world, TOPIC, 1 << 20)
    world.require_exact()
    assert total(world, "jobs") == 27
    assert letters_by_origin(world).keys() == {place(world, broken)}


def test_a_partition_waits_while_there_is_no_such_topic(world: FaultWorld) -> None:
    """It was there when the first record was parked."""
    first = bad(b"the first")
    world.start()
    world.publish([first, *elsewhere()])
    world.await_applied(1 + len(elsewhere()))
    for future in world.admin.delete_topics([TOPIC], request_timeout=10).values():
        future.result()
    broken, events = some_behind_a_malformed_one()
    world.publish([*events, job(70, workflows=100)._replace(partition=1)])
    world.await_applied(1 + len(elsewhere()) + 1)
    eventually(lambda: total(world, "jobs") in (8, 18), within_s=30)  # those before it, if they were a batch
    recreate_topics(world.admin, world.kafka.address, {TOPIC: 2})
    world.require_exact()
    assert total(world, "jobs") == 28
    assert {letter.origin for letter in read_letters(world)} == {place(world, broken)}
