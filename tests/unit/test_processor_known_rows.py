import numpy as np

from processor.decode.known_rows import UNKNOWN, KnownRows
from tests.processor_world import some_id


def rows_of(texts):
    return np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), -1)


def pairs(count):
    return [(some_id(number % 50) + some_id(number)).encode() for number in range(count)]


def test_what_was_added_is_found():
    """Of many a few may have found their places taken."""
    texts, known = pairs(30_000), KnownRows(72)
    for start in range(0, 20_000, 4_000):
        known.add(rows_of(texts[start : start + 4_000]), np.arange(start, start + 4_000))
    found = known.find(rows_of(texts))
    unknown = np.flatnonzero(found[:20_000] == UNKNOWN)
    assert len(unknown) < 1_000
    assert np.array_equal(np.delete(found[:20_000], unknown), np.delete(np.arange(20_000), unknown))
    assert (found[20_000:] == UNKNOWN).all()


def test_a_row_is_compared_in_every_octet():
    (text,), known = pairs(1), KnownRows(72)
    known.add(rows_of([text]), np.array([0]))
    others = [text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :] for at in range(72)]
    assert known.find(rows_of([*others, text])).tolist() == [UNKNOWN] * 72 + [0]


def test_a_row_may_be_added_again():
    """It takes no second place from others."""
    (text, other), known = pairs(2), KnownRows(72)
    for _ in range(3):
        known.add(rows_of([text, text]), np.array([0, 0]))
    known.add(rows_of([other]), np.array([1]))
    assert known.find(rows_of([text, other])).tolist() == [0, 1]


def test_rows_without_a_number_between_are_not_found():
    known = KnownRows(72)
    known.add(rows_of(pairs(1)), np.array([5_000]))
    assert known.find(rows_of([bytes(72)])).tolist() == [UNKNOWN]


def test_no_row():
    KnownRows(72).add(np.zeros((0, 72), np.uint8), np.zeros(0, np.int64))
    assert KnownRows(72).find(np.zeros((0, 72), np.uint8)).tolist() == []
