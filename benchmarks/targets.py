"""What the figures are judged by. A missed target is said, and fails nothing: machines differ, and are shared."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from benchmarks.figures import Part, Row, by_name, number

Found = Mapping[tuple[Part, str], Row]
Value = Callable[[Found], float | None]
"""None: not everything that it needs was measured."""


class Verdict(msgspec.Struct, frozen=True):
    """`is_met` is None when something that it needs was not measured."""

    target: str
    wanted: str
    found: str
    is_met: bool | None


class Target(msgspec.Struct, frozen=True):
    """`value` is compared with `bound`, which it must not exceed, or (`is_floor`) not fall below."""

    name: str
    value: Value
    bound: float
    is_floor: bool = False
    unit: str = ""

    def judged(self, found: Found) -> Verdict:
        """Compare the medians with it."""
        value = self.value(found)
        wanted = f"{'≥' if self.is_floor else '≤'} {self.bound:,g}{self.unit}"
        if value is None:
            return Verdict(self.name, wanted, "–", None)
        is_met = value >= self.bound if self.is_floor else value <= self.bound
        return Verdict(self.name, wanted, f"{number(value)}{self.unit}", is_met)


def best(part: Part, names: Sequence[str], measure: str) -> Value:
    """Return the largest of a measure over those rows that were measured."""
    return lambda found: max(_medians(found, part, names, measure), default=None)


def worst(part: Part, names: Sequence[str], measure: str) -> Value:
    """Return the largest of a measure over some rows, all of which must have been measured."""
    return _of_all(part, names, measure, max)


def least(part: Part, names: Sequence[str], measure: str) -> Value:
    """Return the smallest of a measure over some rows, all of which must have been measured."""
    return _of_all(part, names, measure, min)


def total(part: Part, name: str, ending: str) -> Value:
    """Return the sum of the measures of a row that end so."""

    def value(found: Found) -> float | None:
        row = found.get((part, name))
        values = [row.median(one) or 0.0 for one in row.measures() if one.endswith(ending)] if row else []
        return sum(values) if values else None

    return value


def growth(part: Part, first: str, last: str, measure: str) -> Value:
    """Return a measure of one row in relation to the same of another row."""
    return ratio(worst(part, [last], measure), worst(part, [first], measure))


def ratio(of: Value, to: Value) -> Value:
    """Return how many times one value is the other one."""

    def value(found: Found) -> float | None:
        above, below = of(found), to(found)
        return None if above is None or not below else above / below

    return value


def _of_all(
    part: Part, names: Sequence[str], measure: str, choose: Callable[[Iterable[float]], float]
) -> Value:
    def value(found: Found) -> float | None:
        medians = _medians(found, part, names, measure)
        return choose(medians) if len(medians) == len(names) else None

    return value


def _medians(found: Found, part: Part, names: Sequence[str], measure: str) -> list[float]:
    rows = [found[part, name] for name in names if (part, name) in found]
    return [middle for row in rows if (middle := row.median(measure)) is not None]


def judged(rows: Iterable[Row], targets: Iterable[Target]) -> list[Verdict]:
    """Return a verdict for every target."""
    found = by_name(rows)
    return [one.judged(found) for one in targets]
