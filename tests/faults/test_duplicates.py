"""Events come twice, at once or weeks later, however the work is divided among batches and processors: each counts once.

What counts is said here once more, by hand: the reference model might share an error with the processor.
"""

import random
from collections.abc import Callable

import pytest

from tests.eventually import eventually
from tests.faults.histories import START_MS, all_cases, counted, steps, total
from tests.faults.log import Event, job, jobs, user, workflow
from tests.faults.world import FaultWorld, Worker
from tests.processor_world import HORIZON_MS, finished_job, log_line, some_id, step

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

Steps = list[list[Event]]
GROUP = "KAFKA_CONSUMER_GROUP"  # of its own: a processor need not wait for the session of one that was killed
PATIENT = {"KAFKA_SESSION_TIMEOUT": "30s"}  # a processor keeps its partitions while it is paused


# --- however they are delivered ---


def in_one_batch(world: FaultWorld, given: Steps) -> None:
    world.query(f"SYSTEM STOP MERGES {world.settings.clickhouse_database}.analytics")
    for one in given:
        world.publish(one)
    world.start()
    world.require_exact()
    rows = world.query("SELECT count() FROM analytics WHERE resolution = 'checkpoint' AND offset_delta > 0")
    assert rows == [(3,)]  # of each of the three topics


def in_batches(world: FaultWorld, given: Steps) -> None:
    world.start()
    for one in given:
        apply(world, one)


def by_a_new_processor_each(world: FaultWorld, given: Steps) -> None:
    for one in given:
        worker = world.start()
        apply(world, one)
        worker.stop()


def by_processors_killed_in_the_middle(world: FaultWorld, given: Steps) -> None:
    points = ("after-index", "half-sent", "after-ack", "before-insert")
    for number, one in enumerate(given):
        world.publish(one)
        world.start(crash=points[number], **{GROUP: f"{world.group}-killed-{number}"}).await_crash()
        worker = world.start(**{GROUP: f"{world.group}-next-{number}"})
        world.await_applied(world.ends().total())
        worker.kill()


def by_two_in_turns(world: FaultWorld, given: Steps) -> None:
    """Each one misses every other step, and finds the checkpoint moved."""
    workers = two_that_compete(world)
    for number, one in enumerate(given):
        workers[number % 2].resume()
        workers[(number + 1) % 2].pause()
        apply(world, one)
    assert all("checkpoint_moved" in one.log_text for one in workers)


def two_that_compete(world: FaultWorld) -> list[Worker]:
    """Processors of two groups, which have opened all partitions both."""
    workers = [world.start(**PATIENT, **{GROUP: f"{world.group}-{number}"}) for number in range(2)]
    eventually(lambda: all(one.log_text.count("partition_opened") == 4 for one in workers), within_s=60)
    return workers


def apply(world: FaultWorld, events: list[Event]) -> None:
    """Publish events, and return when they are applied."""
    world.publish(events)
    world.await_applied(world.ends().total())


@pytest.mark.parametrize(
    "deliver",
    [
        in_one_batch,
        in_batches,
        by_a_new_processor_each,
        by_processors_killed_in_the_middle,
        by_two_in_turns,
    ],
)
def test_the_first_one_counts_and_one_past_the_horizon(
    world: FaultWorld, deliver: Callable[[FaultWorld, Steps], None]
) -> None:
    cases = all_cases()
    deliver(world, list(steps(cases)))
    world.require_right_numbers()
    found = counted(world)
    assert {case.name: found[workflow(case.number)] for case in cases} == {
        case.name: case.expected for case in cases
    }


# --- who else counts ---


def test_what_another_has_applied_is_not_fresh_to_the_one_that_lost(world: FaultWorld) -> None:
    """It has never seen most of those records, so its own filter does not know them."""
    loser = world.start(PROCESSOR_MAX_BATCH_RECORDS="1000", **PATIENT, **{GROUP: f"{world.group}-loser"})
    apply(world, jobs(0, 10))
    loser.pause()
    winner = world.start(**{GROUP: f"{world.group}-winner"})
    apply(world, jobs(10, 6_000))
    winner.stop()
    world.publish([*jobs(5_000, 1_020), *jobs(0, 20)])
    loser.resume()
    world.require_exact()
    assert "checkpoint_moved" in loser.log_text
    assert total(world, "jobs") == 6_020


def test_two_groups_that_compete_count_no_repeat_twice(world: FaultWorld) -> None:
    workers = two_that_compete(world)
    chance, published = random.Random(5), set()
    for _ in range(30):
        numbers = [chance.randrange(400) for _ in range(chance.randrange(1, 60))]
        published.update(numbers)
        world.publish(job(number, time_ms=START_MS + chance.randrange(HORIZON_MS)) for number in numbers)
    world.require_exact()
    assert total(world, "jobs") == len(published)
    assert any("checkpoint_moved" in one.log_text for one in workers)


# --- what is the same event ---


EVENT_KEYS = [
    f"analytics:job:{some_id(1)}:completed",
    f"analytics:job:{some_id(1).upper()}:completed",
    f"analytics:job:{some_id(1)}:complete",
    f"analytics:job:{some_id(1)}:completed ",
    f"analytics:job:{some_id(1)}:completed\n",
    f"analytics:job:{some_id(1)}:completed\0",
    f"Analytics:job:{some_id(1)}:completed",
    f"analytics:job:{{{some_id(1)}}}:completed",
    "analytics:job:5c1d5a5e-1b6f-4c3c-9a57-0f9a2a3b4c5d:completed",  # not by time
    "analytics:job:00000000-0000-0000-0000-000000000000:completed",
    f"log:{some_id(1)}:stdout:0",
    some_id(1),
    " ",
    "0",
    "é",
    "e\u0301",
    "\U0001f600",
    "k" * 100_000,
    "k" * 100_000 + "!",
]


def test_event_keys_are_compared_byte_by_byte(world: FaultWorld) -> None:
    owner = {"UserID": user(0), "WorkflowID": workflow(0)}
    events = [
        Event("analytics", finished_job(seconds=1 << at, EventKey=key, **owner), workflow(0))
        for at, key in enumerate(EVENT_KEYS)
    ]
    world.start()
    apply(world, events)
    apply(world, events[::-1])
    world.require_exact()
    assert counted(world)[workflow(0)] == (1, len(EVENT_KEYS), (1 << len(EVENT_KEYS)) - 1)


def test_topics_do_not_share_event_keys(world: FaultWorld) -> None:
    owner = {"UserID": user(0), "WorkflowID": workflow(0)}
    events = []
    for key in (f"analytics:job:{some_id(3)}:completed", f"log:{some_id(3)}:stdout:0", "any"):
        events += [
            Event(
                "workflows", step("JOB_COMPLETED", EventKey=key, ID=workflow(0), UserID=user(0)), workflow(0)
            ),
            Event("analytics", finished_job(EventKey=key, **owner), workflow(0)),
            Event("job_logs", log_line(EventKey=key, **owner), workflow(0)),
        ]
    world.start()
    apply(world, events)
    apply(world, events)
    world.require_exact()
    assert [total(world, column) for column in ("jobs", "jobs_completed", "log_lines")] == [3, 3, 3]


def test_lines_are_known_by_job_attempt_stream_and_number(world: FaultWorld) -> None:
    """The EventKey decides; without one, the fields do, and those do not say the attempt."""
    first, second = some_id(3), some_id(4)
    distinct = [
        log_line(0, job=first),
        log_line(0, job=first, stream="stderr"),
        log_line(0, job=first, attempt=2),
        log_line(0, job=second),
        log_line(1, job=first, EventKey=f"log:{second}:stdout:7"),
        log_line(0, job=first, EventKey=f"log:{first}:attempt:1:stdout:0"),  # nobody writes the first attempt
        log_line(0, job=first, EventKey=f"log:{first}:stdout:00"),
    ]
    repeats = [
        *distinct,
        log_line(0, job=first, EventKey=""),
        log_line(0, job=first, attempt=2, EventKey=""),
        log_line(7, job=second),
    ]
    owner = {"UserID": user(0), "WorkflowID": workflow(0)}
    world.start()
    for lines in (distinct, repeats):
        apply(world, [Event("job_logs", line | owner, workflow(0)) for line in lines])
    world.require_exact()
    assert total(world, "log_lines") == len(distinct)


def test_lines_come_again_in_other_runs_and_in_other_batches(world: FaultWorld) -> None:
    chance, published = random.Random(6), set()
    worker = world.start()
    for number in range(12):
        if number == 6:
            worker.kill()
            worker = world.start(**{GROUP: f"{world.group}-next"})
        streams = [some_stream(chance) for _ in range(9)]
        published.update(one for stream in streams for one in stream)
        apply(world, [line_of(*one, chance) for stream in streams for one in stream])
    world.require_exact()
    assert total(world, "log_lines") == len(published)


def some_stream(chance: random.Random) -> list[tuple[int, int, str, int]]:
    """Consecutive lines of one of a few streams, forwards or backwards, some of them left out or told twice."""
    job_number, attempt = chance.randrange(3), chance.choice((1, 1, 2))
    stream, first = chance.choice(("stdout", "stderr")), chance.randrange(200)
    numbers = [first + chance.choice((0, at, at)) for at in range(chance.randrange(1, 40))]
    return [
        (job_number, attempt, stream, number)
        for number in (numbers if chance.random() < 0.8 else numbers[::-1])
    ]


def line_of(job_number: int, attempt: int, stream: str, number: int, chance: random.Random) -> Event:
    event = log_line(
        number,
        stream=stream,
        attempt=attempt,
        job=some_id(job_number),
        UserID=user(0),
        WorkflowID=workflow(0),
    )
    if attempt == 1 and chance.random() < 0.2:
        event["EventKey"] = ""
    return Event("job_logs", event, workflow(0), START_MS + chance.randrange(HORIZON_MS))


# --- more of them than are kept in memory ---


def test_more_keys_than_the_filter_holds(world: FaultWorld) -> None:
    """It has room for 512 keys, and begins with the newest 128."""
    small = {"crash": "nothing", "FAULT_FILTER_BYTES": "1024"}
    worker = world.start(**small)
    for first in range(0, 1_600, 400):
        apply(world, jobs(first, 400))
    apply(world, shuffled(jobs(0, 2_000)))
    worker.stop()
    world.start(**small)
    apply(world, shuffled([*jobs(0, 100), *jobs(1_950, 100)]))
    apply(world, jobs(0, 2_100))
    world.require_exact()
    assert total(world, "jobs") == 2_100


def shuffled(events: list[Event]) -> list[Event]:
    return random.Random(7).sample(events, len(events))
