"""The world of schedules in which the model is at work."""

from collections import Counter

from processor.lineage import Generation
from tests.model.broker import expected
from tests.model.protocol import Consumer, Insert, Lost, Rules, Store
from tests.model.schedules import Action, World


class Lane:
    """A consumer of the model at work on a partition."""

    def __init__(self, consumer: Consumer, partition: int) -> None:
        self._consumer, self._steps = consumer, consumer.lane(partition)
        self._pending = next(self._steps)

    @property
    def appetite(self) -> int:
        return self._consumer.appetite

    @appetite.setter
    def appetite(self, records: int) -> None:
        self._consumer.appetite = records

    @property
    def insert(self) -> Insert | None:
        return self._pending if isinstance(self._pending, Insert) else None

    def step(self, fault: str | None = None) -> None:
        answer = None
        try:
            if fault == "ghost" and self.insert:
                self.insert.leave_a_ghost()
            elif fault != "unsent" and not (fault == "late" and self.insert):
                answer = self._pending()
            if fault is not None:
                raise Lost
        except Lost:
            self._pending = self._steps.throw(Lost())
        else:
            self._pending = self._steps.send(answer)

    def close(self) -> None:
        self._steps.close()


class ModelWorld(World):
    def __init__(self, rules: Rules, partitions: int = 2) -> None:
        super().__init__(partitions)
        self.store = Store(rules, (Generation(partitions),))

    def open_lane(self, consumer: int, partition: int) -> Lane:
        return Lane(Consumer(self.broker, self.store), partition)

    def forget_tokens(self) -> None:
        self.store.tokens.clear()

    def applied(self) -> list[int]:
        return [self._applied(partition) for partition in range(self.broker.partitions())]

    def partitions_counted(self) -> int:
        return self.store.generations[-1].partitions

    def counted(self) -> Counter[int]:
        return Counter(key for rows in self.store.rows.values() for row in rows for key in row.counted)

    def expected(self) -> Counter[int]:
        return expected(self.broker.logs, self.store.generations)

    def _applied(self, partition: int) -> int:
        rows = self.store.rows.get(partition, [])
        if not rows:
            return 0
        assert sum(row.started for row in rows) == 1, f"partition {partition} has begun twice"
        total, highest = sum(row.delta for row in rows), max(row.next_offset for row in rows)
        assert total == highest, f"partition {partition} contradicts itself"
        return total


def play(schedule: list[Action], rules: Rules) -> None:
    """Play a schedule in a fresh world. Raises AssertionError when a number is wrong in its end."""
    ModelWorld(rules).play(schedule)
