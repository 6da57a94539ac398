"""The protocol of docs/design.md in small: a store, and consumers whose every statement is a step of its own.

Between two steps of a consumer anything may happen: steps of others, a lost answer, the death of the server. So a
schedule of steps can look for an order in which numbers go wrong. `Rules` turns parts of the protocol off, to see
that their absence is noticed. The rule of repeats and the segments of a grown topic are the product's own code.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from processor.duplicates import first_ones
from processor.lineage import Evidence, Generation, Inherited, segment_at
from tests.model.broker import HORIZON, Broker, Record

Steps = Generator[Callable[[], Any], Any, Any]
"""Yields statements; each is run when the schedule says so, and its answer comes back, or Lost is raised."""


class Lost(Exception):
    """No answer: nobody knows whether the statement was run."""


class Moved(Exception):
    """The checkpoint is not where it was, or the topic has grown: open the partition again."""


@dataclass(frozen=True)
class Rules:
    """Parts of the protocol that can be left out."""

    token: bool = True
    condition: bool = True
    evidence_ends_at_checkpoint: bool = True
    index_before_deltas: bool = True
    ghosts_only_after_acknowledgement: bool = True
    count_after_fetch: bool = True
    generation_in_condition: bool = True
    grace: bool = True
    barrier: bool = True
    former_growth_first: bool = True
    new_partitions_are_mixed: bool = True


class At(NamedTuple):
    """A checkpoint."""

    offset: int
    generation: int


class Row(NamedTuple):
    """A part: numbers and checkpoint together."""

    started: int
    delta: int
    next_offset: int
    generation: int
    counted: tuple[int, ...] = ()


class IndexRow(NamedTuple):
    key: int
    time: int
    partition: int
    offset: int


@dataclass
class Store:
    """Tables: parts by partition, tokens, index, generations of the topic."""

    rules: Rules
    generations: tuple[Generation, ...]
    rows: dict[int, list[Row]] = field(default_factory=dict)
    tokens: set[tuple[object, ...]] = field(default_factory=set)
    index: set[IndexRow] = field(default_factory=set)

    def checkpoint(self, partition: int) -> At | None:
        rows = self.rows.get(partition, ())
        return At(sum(row.delta for row in rows), sum(row.generation for row in rows)) if rows else None

    def have_applied(self, evidence: Iterable[Evidence]) -> bool:
        found = [(self.checkpoint(one.partition_id), one.below) for one in evidence]
        return all(at is not None and at.offset >= below for at, below in found)

    def newest(self, keys: set[int], evidence: Iterable[Evidence]) -> dict[int, int]:
        below = {one.partition_id: one.below for one in evidence}
        found: dict[int, int] = {}
        for row in self.index:
            if row.key in keys and row.offset < below.get(row.partition, 0):
                found[row.key] = max(row.time, found.get(row.key, row.time))
        return found

    def store_generation(self, number: int, generation: Generation) -> None:
        if number == len(self.generations):
            self.generations += (generation,)


@dataclass
class Insert:
    """A guarded insert on its way: its condition is looked at first, and the part is written some time later."""

    store: Store
    partition: int
    find: At | None
    row: Row
    token: tuple[object, ...]
    is_lost: bool = False

    def is_refused(self) -> bool:
        found, rules = self.store.checkpoint(self.partition), self.store.rules
        if found and self.find and not rules.generation_in_condition:
            found = found._replace(generation=self.find.generation)
        return rules.condition and found != self.find

    def __call__(self) -> None:
        if self.is_lost:
            raise Lost
        if self.token not in self.store.tokens or not self.store.rules.token:
            self.store.tokens.add(self.token)
            self.store.rows.setdefault(self.partition, []).append(self.row)

    def land(self) -> None:
        with suppress(Lost):
            self()

    def be_lost(self) -> None:
        self.is_lost = True

    def leave_a_ghost(self) -> None:
        """Write the token, but not the part."""
        self.store.tokens.add(self.token)


class Writer:
    """What a consumer knows of a partition that it has opened."""

    def __init__(self, partition: int, generations: tuple[Generation, ...], at: At) -> None:
        self.partition, self.generations, self.at, self.ghosts = partition, generations, at, 0
        self.segment = segment_at(partition, generations, at.offset)  # type: ignore[arg-type] # an id is an id

    @property
    def is_mixed(self) -> bool:
        return self.at.offset < self.generations[-1].barrier(self.partition)  # type: ignore[arg-type]


class Consumer:
    """Thinks that it owns every partition. `appetite`: how many records it reads next."""

    def __init__(self, broker: Broker, store: Store) -> None:
        self.broker, self.store, self.rules, self.appetite = broker, store, store.rules, 1

    def lane(self, partition: int) -> Steps:
        """Read a partition for ever."""
        while True:
            with suppress(Moved, Lost):
                writer = yield from self.open(partition)
                while True:
                    yield from self.read_on(writer)

    def open(self, partition: int) -> Steps:
        """Return a writer at the checkpoint, once its turn has come."""
        generations = yield lambda: self.store.generations
        partitions = yield self.broker.partitions
        if partitions > generations[-1].partitions and not (
            yield from self._finishes(partition, generations)
        ):
            yield from self.grow(generations, partitions)
            raise Moved
        if partition >= generations[-1].partitions:
            raise Moved
        at = yield from self._begun(partition, len(generations) - 1)
        if at.generation != len(generations) - 1:
            yield from self.grow(generations, partitions)
            raise Moved
        writer = Writer(partition, generations, at)
        if not (yield lambda: self.store.have_applied(writer.segment.evidence)):
            raise Moved
        return writer

    def read_on(self, writer: Writer) -> Steps:
        """Fetch and apply one batch, again and again until the outcome is known."""
        first, end = writer.at.offset, writer.segment.end
        if first == end:
            raise Moved
        last = first + self.appetite if end is None else min(first + self.appetite, end)
        before = (yield self.broker.partitions) if not self.rules.count_after_fetch else None
        records = yield lambda: self.broker.logs[writer.partition][first:last]
        while records:
            try:
                yield from self.apply(writer, records, before)
            except Lost:
                if not self.rules.ghosts_only_after_acknowledgement:
                    writer.ghosts += 1
            else:
                return

    def apply(self, writer: Writer, records: list[Record], partitions: int | None) -> Steps:
        """Count a batch."""
        first, generation = writer.at
        if not (writer.is_mixed and self.rules.former_growth_first):
            partitions = (yield self.broker.partitions) if partitions is None else partitions
            if partitions != writer.generations[-1].partitions:
                raise Moved
        below = first if self.rules.evidence_ends_at_checkpoint else first + HORIZON
        evidence = (Evidence(writer.partition, below), *writer.segment.evidence)  # type: ignore[arg-type]
        newest = yield lambda: self.store.newest({one.key for one in records}, evidence)
        counts = first_ones(records, newest, HORIZON)
        counted = tuple(one.key for one, does in zip(records, counts, strict=True) if does)
        rows = [IndexRow(*one, writer.partition, first + at) for at, one in enumerate(records)]
        if self.rules.index_before_deltas:
            yield lambda: self.store.index.update(rows)
        to = At(first + len(records), generation)
        while (yield from self._move(writer.partition, writer.at, to, counted, writer.ghosts)) == writer.at:
            writer.ghosts += 1
        if not self.rules.index_before_deltas:
            yield lambda: self.store.index.update(rows)
        writer.at, writer.ghosts = to, 0

    def grow(self, generations: tuple[Generation, ...], partitions: int) -> Steps:
        """Freeze every partition, let producers notice, and store where they were frozen and where they end."""
        old, generation = range(generations[-1].partitions), len(generations) - 1
        frozen = []
        for partition in old:
            at = yield from self._freeze(partition, generation)
            frozen.append(at)
        if self.rules.grace:
            yield lambda: self.broker.let_producers_notice(partitions)
        ends = yield self.broker.ends
        if not self.rules.barrier:
            ends = [0] * partitions
        borders = [at.offset for at in frozen]
        if self.rules.new_partitions_are_mixed:
            borders += [0] * (partitions - len(old))
        inherited = tuple(
            Inherited(partition, frozen, max(frozen, end))  # type: ignore[arg-type]
            for partition, (frozen, end) in enumerate(zip(borders, ends, strict=False))
        )
        yield lambda: self.store.store_generation(generation + 1, Generation(partitions, inherited))

    def _finishes(self, partition: int, generations: tuple[Generation, ...]) -> Steps:
        """Whether a former growth is not done with: then partitions are read up to its barriers first."""
        if not self.rules.former_growth_first:
            return False
        last = generations[-1]
        if (
            yield lambda: self.store.have_applied(Evidence(id_, end) for id_, _, end in last.inherited if end)
        ):
            return False
        at = yield lambda: self.store.checkpoint(partition)
        if (at.offset if at else 0) >= last.barrier(partition):  # type: ignore[arg-type]
            raise Moved
        return True

    def _begun(self, partition: int, generation: int) -> Steps:
        ghosts = 0
        while (at := (yield lambda: self.store.checkpoint(partition))) is None:
            row, token = Row(1, 0, 0, generation), (partition, "init", ghosts)
            with suppress(Moved):
                yield from self._insert(Insert(self.store, partition, None, row, token))
            ghosts += 1
        return at

    def _freeze(self, partition: int, generation: int) -> Steps:
        at = yield from self._begun(partition, generation)
        ghosts = 0
        while at.generation == generation:
            to = At(at.offset, generation + 1)
            try:
                found = yield from self._move(partition, at, to, (), ghosts)
                ghosts += 1
            except Moved:
                found, ghosts = (yield lambda: self.store.checkpoint(partition)), 0
            at = found
        return at

    def _move(self, partition: int, at: At, to: At, counted: tuple[int, ...], ghosts: int) -> Steps:
        """Move the checkpoint and return where it is then: there, or still here after a ghost token."""
        row = Row(0, to.offset - at.offset, to.offset, to.generation - at.generation, counted)
        yield from self._insert(Insert(self.store, partition, at, row, (partition, *at, ghosts)))
        found = yield lambda: self.store.checkpoint(partition)
        if found not in (at, to):
            raise Moved
        return found

    def _insert(self, insert: Insert) -> Steps:
        if (yield insert.is_refused):
            raise Moved
        yield insert
