"""An operator goes on where the log lost records: killed at any step, the numbers are those of what was there."""

import signal

import pytest
from confluent_kafka import TopicPartition

from processor.event_index import EventIndex
from processor.index_rows import IndexRows
from processor.lineage_table import read_lineages
from processor.skipping import STEPS
from processor.topics import end_offsets
from tests.eventually import eventually
from tests.faults.log import jobs_in, lines, some_events
from tests.faults.operators import Operator
from tests.processor_world import HORIZON_MS, gathered, pools

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

PLACE = ("analytics", "0")


class Lossy:
    """A world in which the log of `analytics/0` loses records before they are counted."""

    def __init__(self, world):
        self.world, self.operator = world, Operator(world)

    def skip(self, *options, **how):
        return self.operator.run("skip", *PLACE, *options, **how)

    def publish(self, events):
        self.world.publish(events)

    def count(self):
        worker = self.world.start()
        self.world.await_applied(self.world.ends().total())
        worker.stop()

    def lose(self, events):
        """Publish events that Kafka deletes before anybody counts them."""
        before = len(self.world.log.events)
        self.publish(events)
        del self.world.log.events[before:]
        self.delete(self.end)

    def delete(self, offset):
        place = TopicPartition(PLACE[0], int(PLACE[1]), offset)
        (future,) = self.world.admin.delete_records([place]).values()
        assert future.result(10).low_watermark == offset

    @property
    def end(self):
        """The end of the lossy partition."""
        return end_offsets(self.world.admin, [(PLACE[0], int(PLACE[1]))])[PLACE[0], int(PLACE[1])]

    @property
    def checkpoint(self):
        """Of the lossy partition: it has most of the index rows."""
        with pools(self.world.settings, size=1) as (plain, _):
            id_ = read_lineages(plain)[PLACE[0]].partition(int(PLACE[1])).id
        return self.world.query(
            "SELECT sum(offset_delta) FROM analytics WHERE resolution = 'checkpoint' AND workflow_id = %(id)s",
            {"id": id_},
        )[0][0]

    def gaps(self):
        rows = self.world.query("SELECT first_offset, end_offset, is_done FROM gaps FINAL ORDER BY 1")
        return [(first, end, bool(is_done)) for first, end, is_done in rows]

    def require_right(self):
        """A processor goes on, to the end of all logs, and numbers are those of the records that were there."""
        self.world.start()
        end = self.world.ends().total()
        self.world.await_applied(end)
        self.world.require_right_numbers()
        told = self.operator.run("audit")
        assert told.returncode == 0, told.stdout


@pytest.fixture
def lossy(make_world):
    """Something is counted, ten jobs are lost, and more came after them."""
    lossy = Lossy(make_world())
    lossy.world.publish(some_events(0, 60))
    lossy.count()
    lossy.lose(jobs_in(0, 1_000, 10))
    lossy.publish(jobs_in(0, 2_000, 10))
    return lossy


def require_refused(told, *words):
    assert told.returncode == 65, told.stdout + told.stderr
    assert all(word in told.stderr for word in words), told.stderr


def test_the_partition_goes_on_behind_what_was_lost_and_is_not_skipped_again(lossy):
    first = lossy.checkpoint
    told = lossy.skip()
    assert (told.returncode, lossy.checkpoint, lossy.gaps()) == (
        0,
        first + 10,
        [(first, first + 10, True)],
    ), told.stderr
    require_refused(lossy.skip(), "nothing is lost")
    assert lossy.checkpoint == first + 10
    lossy.require_right()


def test_events_that_were_lost_count_when_they_are_published_again(lossy):
    """Index rows of the gap, as a processor leaves them that dies between index and numbers, are no evidence."""
    write_rows(lossy, jobs_in(0, 1_000, 10), lossy.checkpoint)
    assert lossy.skip().returncode == 0
    lossy.publish(jobs_in(0, 1_000, 10))
    lossy.require_right()


def write_rows(lossy, events, first):
    """Write index rows of events into the lossy partition, from an offset on, without counting them."""
    with pools(lossy.world.settings, size=1) as (plain, columns):
        id_ = read_lineages(plain)[PLACE[0]].partition(int(PLACE[1])).id
        index = EventIndex(IndexRows(id_), plain, columns, horizon_ms=HORIZON_MS, filter_bytes=1 << 16)
        batch = gathered(PLACE[0], *(one.value for one in events), first=first)
        index.write(batch.keyed[0], batch.named)


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_skip_that_was_killed_is_finished_by_the_next_one(lossy, step):
    first = lossy.checkpoint
    write_rows(lossy, jobs_in(0, 1_000, 10), first)
    assert lossy.skip(dying_at=step).returncode == -signal.SIGKILL
    told = lossy.skip()
    assert (told.returncode, lossy.checkpoint, lossy.gaps()) == (
        0,
        first + 10,
        [(first, first + 10, True)],
    ), told.stderr
    lossy.publish(jobs_in(0, 1_000, 5))
    lossy.require_right()


@pytest.mark.parametrize("step", [3, 5, 6])
def test_a_processor_that_starts_after_a_skip_was_killed_counts_nothing_wrong(lossy, step):
    """It goes on by itself after the grace time, or halts again where the log holds nothing."""
    assert lossy.skip(dying_at=step).returncode == -signal.SIGKILL
    worker = lossy.world.start()
    eventually(
        lambda: "partition_opened" in worker.log_text or "partition_halted" in worker.log_text, within_s=60
    )
    told = lossy.skip()
    assert told.returncode in (0, 65), told.stderr
    worker.stop()
    lossy.require_right()


def test_processors_of_the_other_partitions_go_on_meanwhile(lossy):
    """They halt the lossy one; the others are frozen for a moment only, and nothing of them is lost."""
    worker = lossy.world.start(PROCESSOR_GROWTH_GRACE="10m")
    eventually(lambda: "partition_halted" in worker.log_text, within_s=60)
    lossy.world.publish([*lines(500, 0, 50), *jobs_in(1, 3_000, 50)])
    assert lossy.skip().returncode == 0
    lossy.world.publish(jobs_in(1, 4_000, 50))
    missing = 10 + 10  # the gap is passed, its partition is halted until the processor starts again
    eventually(lambda: lossy.world.applied() >= lossy.world.ends().total() - missing + 10, within_s=60)
    worker.stop()
    lossy.require_right()


# --- what it refuses ---


def test_it_refuses_where_nothing_is_lost(make_world):
    lossy = Lossy(make_world())
    lossy.publish(jobs_in(0, 0, 10))
    lossy.count()
    require_refused(lossy.skip(), "nothing is lost")


REFUSED = (
    (("skip", *PLACE, "--to", "0", "--lose-records"), ("makes no sense",)),
    (("skip", *PLACE, "--to", "999999", "--lose-records"), ("makes no sense",)),
    (("skip", "analytics", "7"), ("is not counted",)),
    (("skip", "jobs", "0"), ("is not counted",)),
    (("rebuild",), ("begins at offset", "would be lost")),  # a gap keeps from it
)
"""Commands that do nothing to a log that has lost records, and what they say."""


def test_what_is_refused_moves_nothing(lossy):
    """Among it to lose records that the log holds, and an offset that is behind or beyond the log."""
    before = lossy.checkpoint
    require_refused(lossy.skip("--to", str(before + 13)), "up to 3 records", "--lose-records")
    for command, words in REFUSED:
        require_refused(lossy.operator.run(*command), *words)
    assert (lossy.checkpoint, lossy.gaps()) == (before, [])


def test_a_dry_run_status_and_audit_tell_what_is_lost_and_move_nothing(lossy):
    before = lossy.checkpoint
    told = lossy.skip("--dry-run")
    assert (told.returncode, "offsets that the log has lost\t10" in told.stdout) == (0, True), told.stderr
    status, audit = lossy.operator.run("status"), lossy.operator.run("audit")
    assert (status.returncode, "analytics\t0\tout of range" in status.stdout) == (65, True)
    assert (audit.returncode, "10 records of analytics/0 were deleted" in audit.stdout) == (65, True)
    assert (lossy.checkpoint, lossy.gaps()) == (before, [])


def test_records_are_given_up_when_it_is_said(lossy):
    first = lossy.checkpoint
    told = lossy.skip("--to", str(first + 13), "--lose-records")
    assert (told.returncode, lossy.gaps()) == (0, [(first, first + 13, True)]), told.stderr
    del lossy.world.log.events[-10:-7]
    lossy.require_right()


@pytest.mark.parametrize("step", [3, 5, 6])
def test_giving_up_records_may_be_killed(make_world, step):
    """All of them are in the log still, so here processors could count them: they do not, or all of it is as it was."""
    lossy = Lossy(make_world())
    lossy.world.publish(some_events(0, 60))
    lossy.count()
    first = lossy.checkpoint
    lossy.publish(jobs_in(0, 1_000, 10))
    options = "--to", str(first + 4), "--lose-records"
    assert lossy.skip(*options, dying_at=step).returncode == -signal.SIGKILL
    told = lossy.skip(*options)
    assert told.returncode in (0, 65), told.stderr
    assert (lossy.checkpoint, lossy.gaps()) == (first + 4, [(first, first + 4, True)]), told.stderr
    del lossy.world.log.events[-10:-6]
    lossy.publish(jobs_in(0, 1_000, 10))
    lossy.require_right()


def test_nothing_is_given_up_that_a_processor_reads(make_world):
    lossy = Lossy(make_world())
    lossy.publish(jobs_in(0, 0, 10))
    lossy.world.start(PROCESSOR_MIN_INTERVAL="90s")  # it is slow, so that there is something left to give up
    lossy.world.require_exact()
    reported = "SELECT count() FROM progress FINAL WHERE topic = 'analytics'"
    eventually(lambda: lossy.world.query(reported) == [(2,)], within_s=30)
    lossy.publish(jobs_in(0, 77, 1))
    require_refused(lossy.skip("--to", str(lossy.end), "--lose-records"), "a processor reads analytics/0")


# --- what the other commands say of it ---


def test_rows_that_a_stuck_processor_writes_into_the_gap_are_found_and_removed(lossy):
    first = lossy.checkpoint
    assert lossy.skip().returncode == 0
    write_rows(lossy, jobs_in(0, 1_000, 10), first)
    audit = lossy.operator.run("audit")
    assert (audit.returncode, "in the gap of analytics/0" in audit.stdout) == (65, True)
    assert "index rows were removed" in lossy.skip().stdout
    lossy.publish(jobs_in(0, 1_000, 10))
    lossy.require_right()
