import gzip
import json
from pathlib import Path

import pytest

from sandbox.errors import UnreadableCorpus
from sandbox.records import read_corpus

SMALL = Path(__file__).parents[1] / "data" / "small.jsonl.gz"
LINE = {"topic": "jobs", "partition_key": "p", "key": None, "value": None, "timestamp_ms": 1}


def test_every_line_of_a_file_is_a_record():
    with gzip.open(SMALL) as file:
        lines = [json.loads(line) for line in file]
    records = list(read_corpus(SMALL))
    assert [(one.topic, one.key, one.timestamp_ms) for one in records] == [
        (line["topic"], line["key"], line["timestamp_ms"]) for line in lines
    ]


@pytest.mark.parametrize(
    ("fields", "value"),
    [({"value": "é\0"}, "é\0".encode()), ({"value_b64": "/w=="}, b"\xff"), ({}, None), ({"value": ""}, b"")],
)
def test_a_value_is_text_or_bytes_or_a_tombstone(tmp_path, fields, value):
    (tmp_path / "one.jsonl").write_text(json.dumps(LINE | fields) + "\n")
    assert [record.value_bytes for record in read_corpus(tmp_path / "one.jsonl")] == [value]


@pytest.mark.parametrize("bad", ["", "{", '{"topic": "jobs"}', json.dumps(LINE | {"value_b64": "*"})])
def test_a_bad_line_is_named(tmp_path, bad):
    (tmp_path / "bad.jsonl").write_text(f"{json.dumps(LINE)}\n{bad}\n")
    with pytest.raises(UnreadableCorpus, match=r"bad\.jsonl, line 2 is not a record"):
        list(read_corpus(tmp_path / "bad.jsonl"))


def test_a_damaged_archive_is_named(tmp_path):
    (tmp_path / "cut.jsonl.gz").write_bytes(SMALL.read_bytes()[:5000])
    with pytest.raises(UnreadableCorpus, match=r"cut\.jsonl\.gz cannot be read"):
        list(read_corpus(tmp_path / "cut.jsonl.gz"))


def test_the_progress_ends_at_the_size_of_the_file():
    positions = []
    list(read_corpus(SMALL, positions.append))
    assert positions[-1] == SMALL.stat().st_size
    assert positions == sorted(positions)
