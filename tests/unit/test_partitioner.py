import pytest

from processor.partitioner import murmur2
from sandbox.partitioner import partition_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafka_s_java_client(text, expected):
    """The vectors of Kafka's own UtilsTest."""
    assert murmur2(text.encode()) == expected


def test_a_negative_hash_chooses_a_partition_as_in_java():
    """`toPositive` clears the sign bit; the absolute value would choose another one."""
    assert partition_of("foobar", 1000) == (-790332482 & 0x7FFFFFFF) % 1000


def test_every_partition_is_chosen():
    assert {partition_of(f"key-{number}", 4) for number in range(100)} == {0, 1, 2, 3}
