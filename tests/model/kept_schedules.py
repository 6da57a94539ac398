"""Schedules that once made a number wrong, by what was missing: they are played again in every run, in both worlds.

A new one is added under a sentence that says what it found. Hypothesis prints the schedule of a failure as the
argument `schedule`: copy it, and leave out actions that it fails without.
"""

from tests.model.schedules import Action

KEPT: dict[str, list[Action]] = {
    "two consumers begin a partition at the same moment": [("fail", 2, 0, "late", 12), ("run", 1, 0, 12, 1)],
    "an insert is sent again after its token is forgotten": [
        ("produce", 1, 0, 2),
        ("fail", 0, 3, "answer lost", 12),
        ("evict",),
    ],
    "a batch is tried again that is in the index already": [
        ("produce", 7, 0, 2),
        ("fail", 1, 1, "answer lost", 10),
    ],
    "a consumer dies between index and deltas": [
        ("produce", 3, 101, 0),
        ("produce", 3, 1, 0),
        ("fail", 1, 1, "answer lost", 11),
    ],
    "an insert whose answer is lost comes to its end while it is tried again": [
        ("produce", 1, 101, 1),
        ("fail", 2, 1, "answer lost", 8),
        ("run", 2, 3, 4, 3),
    ],
    "records arrive between the question how many partitions there are and the fetch": [
        ("produce", 3, 0, 0),
        ("run", 0, 0, 12, 1),
        ("run", 2, 1, 8, 2),
        ("grow", 1, 13),
        ("run", 0, 0, 10, 2),
        ("run", 2, 1, 9, 4),
    ],
    "a batch from before a growth is applied after it": [
        ("grow", 1, 25),
        ("run", 1, 0, 7, 1),
        ("run", 2, 1, 10, 1),
        ("produce", 1, 100, 2),
        ("evict",),
        ("run", 1, 0, 9, 3),
        ("run", 2, 4, 4, 3),
        ("produce", 3, 0, 2),
    ],
    "a producer learns late that there are more partitions": [
        ("grow", 1, 90),
        ("run", 2, 0, 6, 4),
        ("run", 1, 0, 12, 4),
        ("run", 2, 1, 11, 4),
        ("produce", 5, 101, 0),
        ("repeat", 33, 1),
    ],
    "a key moves to a new partition": [("produce", 3, 0, 2), ("grow", 2, 21)],
    "a topic grows again before it was through with the last time": [
        ("produce", 5, 100, 2),
        ("grow", 1, 33),
        ("run", 1, 5, 12, 4),
        ("run", 2, 0, 11, 1),
        ("grow", 1, 72),
    ],
    "a topic grows in steps that no consumer has seen": [
        ("grow", 1, 27),
        ("produce", 6, 100, 1),
        ("produce", 2, 0, 2),
        ("produce", 5, 0, 0),
        ("grow", 1, 7),
        ("grow", 2, 63),
        ("produce", 5, 0, 0),
    ],
}
