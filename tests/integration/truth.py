"""What the expected file of a corpus says of a stack that has counted it."""

import json
from pathlib import Path

from sandbox.totals import Answers, ExpectedTotals, read_expected
from tests.insights import require_insights
from tests.integration.stack_world import Origin, StackUnderTest


def expected_of(corpus: Path) -> Path:
    return corpus.with_name(corpus.name.replace(".jsonl.gz", ".expected.json"))


def require_truth(world: StackUnderTest, corpus: Path) -> None:
    """Every number, and every malformed record in the dead-letter topic, are as the corpus says."""
    expected = read_expected(expected_of(corpus))
    assert world.answers(expected) == answers_of(expected)
    require_insights(world.query, json.loads(expected_of(corpus).read_text()))
    assert dict(world.dead_letters()).keys() == malformed_of(world, corpus)


def answers_of(expected: ExpectedTotals) -> Answers:
    return Answers(dict(expected.users), expected.workflows)


def malformed_of(world: StackUnderTest, corpus: Path) -> set[Origin]:
    lines = {one["line"] for one in json.loads(expected_of(corpus).read_text())["malformed"]}
    return {origin for line, origin in enumerate(world.log.origins(), start=1) if line in lines}
