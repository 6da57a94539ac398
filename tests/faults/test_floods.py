"""Malformed records in bulk: that is a deployment error, and a person must look; a few are bad luck."""

import pytest

from tests.faults.dead_letters import bad, here, letters_by_origin, read_letters
from tests.faults.histories import total
from tests.faults.log import Event, Log, job, jobs
from tests.faults.world import FaultWorld

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def flood(count: int) -> list[Event]:
    """Malformed records and jobs by turns."""
    return [one for at in range(count) for one in (bad({"number": at}), *here(job(1_000 + at)))]


def require_exact_so_far(world: FaultWorld) -> int:
    """Numbers are right for all records below the checkpoint of the only partition; return how many those are."""
    applied, so_far = world.applied(), Log("")
    so_far.events = world.log.events[:applied]
    assert world.sums("total") == so_far.truth()
    return applied


def test_a_flood_ends_the_program_and_nothing_is_lost(world: FaultWorld) -> None:
    """Starting it again does not help."""
    world.publish(here(*jobs(0, 300)))
    worker = world.start()
    world.await_applied(300)
    world.publish(flood(300))
    worker.await_end(65)
    assert 300 <= require_exact_so_far(world) < 900
    worker.respawn()
    worker.await_end(65)
    assert 300 <= require_exact_so_far(world) < 900
    assert "PROCESSOR_MAX_MALFORMED_SHARE" in worker.log_text


def test_an_operator_lets_a_flood_pass(world: FaultWorld) -> None:
    """The producer is mended, but what it wrote is in the log."""
    world.publish([*here(*jobs(0, 300)), *flood(300), *here(*jobs(300, 10))])
    world.start().await_end(65)
    world.start(PROCESSOR_MAX_MALFORMED_SHARE="1", KAFKA_CONSUMER_GROUP=f"{world.group}-next")
    world.require_exact()
    assert total(world, "jobs") == 610
    assert {letter.origin.offset for letter in read_letters(world)} == set(range(300, 900, 2))


def test_ninety_nine_in_a_row_are_bad_luck(world: FaultWorld) -> None:
    world.publish([bad({"number": number}) for number in range(99)])
    world.start()
    world.require_exact()
    assert len(letters_by_origin(world)) == 99


def test_a_tenth_is_bad_luck(world: FaultWorld) -> None:
    events = jobs(0, 1_800)
    for number in range(200):
        events.insert(10 * number, bad({"number": number}))
    world.publish(here(*events))
    world.start()
    world.require_exact()
    assert len(letters_by_origin(world)) == 200
