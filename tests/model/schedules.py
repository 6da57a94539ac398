"""Schedules: what may happen, and a world in which it does, of which there are two: a model and the real engine."""

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any, Protocol

from hypothesis import strategies as st

from tests.model.broker import HORIZON, Broker, Record

CONSUMERS, MOST_PARTITIONS = 3, 6
_FRESH = CONSUMERS  # the number of the consumer that does everything in the end
_ROUNDS = 60  # of ten steps of every partition: more than any schedule leaves to be done
_ZOMBIE_STEPS = 40

Action = tuple[Any, ...]
"""The name of a method of `World`, and its arguments."""


def schedules(
    keys: st.SearchStrategy[int], *, consumers: int = CONSUMERS, shortest: int = 20, longest: int = 90
) -> st.SearchStrategy[list[Action]]:
    """Schedules of everything that may happen."""
    times = st.sampled_from([0, 0, 0, 1, HORIZON, HORIZON + 1, 2 * HORIZON + 2])
    missed, any_record, steps = st.integers(0, 2), st.integers(0, 99), st.integers(1, 12)
    lane = st.integers(0, consumers - 1), st.integers(0, MOST_PARTITIONS - 1)
    run = st.tuples(st.just("run"), *lane, steps, st.integers(1, 4))
    actions = st.one_of(
        st.tuples(st.just("produce"), keys, times, missed),
        st.tuples(st.just("repeat"), any_record, missed),
        run,
        run,
        st.tuples(st.just("fail"), *lane, st.sampled_from(["unsent", "answer lost"]), steps),
        st.tuples(st.just("fail"), *lane, st.sampled_from(["late", "ghost"]), st.just(12)),
        st.one_of(
            st.tuples(st.just("land"), st.integers(0, 3)),
            st.tuples(st.just("grow"), st.integers(1, 2), any_record),
            st.tuples(st.just("crash"), lane[0]),
            st.tuples(st.just("revoke"), *lane),
            st.just(("evict",)),
        ),
    )
    return st.lists(actions, min_size=shortest, max_size=longest)


class Insert(Protocol):
    """A guarded insert whose condition the server has looked at, and whose part it has not written."""

    def land(self) -> None:
        """Write the part, if it may be, though nobody waits for the answer any more."""

    def be_lost(self) -> None:
        """Never write it: the server has died."""


class Lane(Protocol):
    """A consumer at work on a partition, one statement after the other. `appetite`: how many records it reads next."""

    appetite: int

    @property
    def insert(self) -> Insert | None:
        """The insert that the next step finishes."""

    def step(self, fault: str | None = None) -> None:
        """Run the next statement. It may fail: "unsent", "answer lost", or an insert "late" or as a "ghost"."""

    def close(self) -> None:
        """Let the consumer die."""


class World(ABC):
    """A topic, a store, and consumers that each think that they own every partition."""

    def __init__(self, partitions: int) -> None:
        self.broker = Broker(partitions)
        self.lanes: dict[tuple[int, int], Lane] = {}
        self.in_flight: list[Insert] = []
        self._has_ghosts = False

    def play(self, schedule: list[Action]) -> None:
        """Do what the schedule says, then let one consumer apply everything, then let all others wake up; and check."""
        for name, *arguments in schedule:
            getattr(self, name)(*arguments)
        self.settle()
        for consumer, partition in list(self.lanes):
            if consumer != _FRESH:
                self.run(consumer, partition, _ZOMBIE_STEPS, 2)
        while self.in_flight:
            self.land(0)
        self.check()

    # --- actions ---

    def produce(self, key: int, time: int, growths_missed: int) -> None:
        self.broker.produce(Record(key, time), growths_missed)

    def repeat(self, at: int, growths_missed: int) -> None:
        """Produce a record again, which may be in another partition now."""
        if records := [record for log in self.broker.logs for record in log]:
            self.broker.produce(records[at % len(records)], growths_missed)

    def grow(self, by: int, repeated: int) -> None:
        """Add partitions; a producer that knows of them repeats a record at once."""
        if self.broker.partitions() < MOST_PARTITIONS:
            self.broker.grow(by)
            self.repeat(repeated, growths_missed=0)

    def run(self, consumer: int, partition: int, steps: int, appetite: int) -> None:
        lane = self._lane(consumer, partition)
        lane.appetite = appetite
        for _ in range(steps):
            lane.step()

    def fail(self, consumer: int, partition: int, fault: str, steps: int) -> None:
        """Go on for some steps, or until the next insert when only that can fail so, and fail there."""
        lane = self._lane(consumer, partition)
        for _ in range(steps):
            if fault in ("late", "ghost") and lane.insert:
                break
            lane.step()
        insert = lane.insert
        lane.step(fault)
        if insert and fault == "late":
            self.in_flight.append(insert)
        if insert and fault == "ghost":
            self._has_ghosts = True
            self._lose_inserts()

    def land(self, at: int) -> None:
        """Let an insert that nobody waits for any more come to its end."""
        if self.in_flight:
            self.in_flight.pop(at % len(self.in_flight)).land()

    def crash(self, consumer: int) -> None:
        for place in [place for place in self.lanes if place[0] == consumer]:
            self.revoke(*place)

    def revoke(self, consumer: int, partition: int) -> None:
        """Take a partition away: what the server has begun, it ends some time."""
        if lane := self.lanes.pop((consumer, partition), None):
            if lane.insert:
                self.in_flight.append(lane.insert)
            lane.close()

    def evict(self) -> None:
        """Let the server forget tokens, as after many inserts of other partitions.

        Two things that the protocol does not cover are left out: an insert that is under way for as long as the
        window lasts (the server ends it long before), and a ghost token that is forgotten while one consumer has
        met it and another, at the same moment, has not.
        """
        if not self._inserts() and not self._has_ghosts:
            self.forget_tokens()

    # --- the end ---

    def settle(self) -> None:
        """Let a consumer that has no failures apply all that there is."""
        for _ in range(_ROUNDS):
            for partition in range(self.broker.partitions()):
                self.run(_FRESH, partition, 10, 2)
            if (self.applied(), self.partitions_counted()) == (self.broker.ends(), self.broker.partitions()):
                return
        raise AssertionError(f"it is stuck: {self.applied()} of {self.broker.ends()} is applied")

    def check(self) -> None:
        """Raise AssertionError unless the numbers are right; what contradicts itself has been raised before."""
        assert self.counted() == self.expected()
        assert self.applied() == self.broker.ends()

    def close(self) -> None:
        self._lose_inserts()
        for lane in self.lanes.values():
            lane.close()

    @abstractmethod
    def open_lane(self, consumer: int, partition: int) -> Lane: ...

    @abstractmethod
    def forget_tokens(self) -> None: ...

    @abstractmethod
    def applied(self) -> list[int]:
        """Return the checkpoints by partition, 0 for none. Raises AssertionError when one contradicts itself."""

    @abstractmethod
    def partitions_counted(self) -> int: ...

    @abstractmethod
    def counted(self) -> Counter[int]:
        """Return how often each key was counted."""

    @abstractmethod
    def expected(self) -> Counter[int]:
        """Return how often each key counts by definition."""

    def _inserts(self) -> list[Insert]:
        """Return those that are under way."""
        return [*self.in_flight, *(lane.insert for lane in self.lanes.values() if lane.insert)]

    def _lose_inserts(self) -> None:
        for insert in self._inserts():
            insert.be_lost()
        self.in_flight = []

    def _lane(self, consumer: int, partition: int) -> Lane:
        place = consumer, partition % self.broker.partitions()
        if place not in self.lanes:
            self.lanes[place] = self.open_lane(*place)
        return self.lanes[place]
