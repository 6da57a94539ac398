"""The local stack itself: it comes up, heals, plays what it is given, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from confluent_kafka import Consumer, TopicPartition

from analytics.auth import TokenVerifier, load_public_key
from sandbox.broker import LocalBroker
from sandbox.clickhouse import LocalClickHouse, local_settings
from sandbox.errors import NotDelivered, NotReady
from sandbox.partitioner import partition_of
from sandbox.play import play, play_records
from sandbox.records import CorpusRecord, read_corpus
from sandbox.tokens import call_metadata
from tests.eventually import eventually

pytestmark = pytest.mark.integration

SMALL = Path(__file__).parents[1] / "data" / "small.jsonl.gz"
USER = "53f6ca8f-5a0b-424c-8498-ce3d1ff32533"


class Up:
    """A `chronoverse-sandbox up` in a session of its own, like one in a terminal of its own."""

    def __init__(self, data, *options):
        self.data = data
        self.output = data.with_suffix(".out")
        command = [sys.executable, "-m", "sandbox", "up", "--data", str(data), *options]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def running(self):
        """What sandbox.json says; None without it."""
        path = self.data / "sandbox.json"
        assert self.process.poll() is None, self.output.read_text()
        return json.loads(path.read_text()) if path.exists() else None

    def text(self):
        assert self.process.poll() is None, self.output.read_text()
        return self.output.read_text()

    def pids(self):
        pids = self.running["pids"]
        return [pids["clickhouse"], pids["broker"], pids["service"], *pids["processors"]]

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def up(tmp_path):
    sandbox = Up(tmp_path / "run", "--processors", "0")
    try:
        eventually(lambda: sandbox.running, within_s=60)
        yield sandbox
    finally:
        sandbox.close()


def ctrl_c(process):
    """A terminal sends SIGINT to the whole foreground process group."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize("end", [ctrl_c, subprocess.Popen.terminate], ids=["ctrl-c", "sigterm"])
def test_a_signal_ends_everything_with_exit_code_0(up, end):
    pids = up.pids()
    end(up.process)
    assert up.process.wait(30) == 0, up.output.read_text()
    assert not [pid for pid in pids if is_alive(pid)]
    assert not (up.data / "sandbox.json").exists()


def test_when_it_is_killed_its_children_die_too(up):
    pids = up.pids()
    up.process.kill()
    eventually(lambda: not [pid for pid in pids if is_alive(pid)])


def test_everything_answers_as_soon_as_it_says_so(up):
    running = up.running
    assert running["pids"]["supervisor"] == up.process.pid
    assert all(is_alive(pid) for pid in up.pids())
    with grpc.insecure_channel(running["grpc"]) as channel:
        grpc.channel_ready_future(channel).result(timeout=1)


def test_a_killed_service_runs_again_under_a_new_pid(up):
    former = up.running["pids"]["service"]
    os.kill(former, signal.SIGKILL)
    eventually(lambda: up.running["pids"]["service"] != former)
    with grpc.insecure_channel(up.running["grpc"]) as channel:
        eventually(lambda: grpc.channel_ready_future(channel).result(timeout=20) is None, within_s=30)


def test_without_its_broker_the_sandbox_ends(up):
    """The log was in memory: going on with an empty one would be a lie."""
    os.kill(up.running["pids"]["broker"], signal.SIGKILL)
    assert up.process.wait(30) == 1
    assert "start the sandbox again" in up.output.read_text()


def test_the_command_plays_a_file_and_prints_what_it_played(up):
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "play", str(SMALL), "--data", str(up.data)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "played 3,053 records" in done.stdout
    assert done.stderr == ""


def test_a_token_of_the_command_is_one_that_the_service_trusts(up):
    command = [sys.executable, "-m", "sandbox", "token", USER, "--data", str(up.data)]
    token = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    verify = TokenVerifier(load_public_key(Path(up.running["keys"]["public"])))
    verify(call_metadata(token)).require_access(UUID(USER))


def test_the_demo_reaches_the_true_totals_and_says_how_to_ask_for_them(tmp_path):
    """Also what `make run` shows: the first correct answers over gRPC, from nothing."""
    sandbox = Up(tmp_path / "run", "--demo")
    try:
        eventually(lambda: "7 users and 23 workflows: all totals" in sandbox.text(), within_s=120)
        eventually(lambda: sandbox.text().count("grpcurl -plaintext") == 3)
        eventually(lambda: "a new user" in sandbox.text())
    finally:
        sandbox.close()


def test_several_processors_are_told_apart(tmp_path):
    sandbox = Up(tmp_path / "run", "--processors", "2")
    try:
        processors = eventually(lambda: sandbox.running, within_s=60)["pids"]["processors"]
        assert len(set(processors)) == 2
        os.kill(processors[0], signal.SIGKILL)
        eventually(lambda: sandbox.running["pids"]["processors"][0] != processors[0])
        assert sandbox.running["pids"]["processors"][1] == processors[1]
    finally:
        sandbox.close()


def test_a_child_outlives_the_thread_that_started_it(tmp_path):
    """PR_SET_PDEATHSIG is tied to a thread of the parent."""
    broker = LocalBroker(tmp_path)
    thread = threading.Thread(target=broker.start)
    thread.start()
    thread.join()
    try:
        broker.create_topics(["still-there"])
        assert broker.exit_code is None
    finally:
        broker.stop()


def test_a_killed_clickhouse_comes_back_with_port_and_data(tmp_path):
    from analytics.store.pool import Connection

    with LocalClickHouse(tmp_path) as server:
        address = server.address
        connection = Connection(local_settings(address, "default"), timeout_s=10)
        connection.query(
            "CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1"
        )
        connection.insert("INSERT INTO kept (n) VALUES", [[7]])
        connection.close()
        server.kill()
        server.start()
        assert server.address == address
        connection = Connection(local_settings(address, "default"), timeout_s=10)
        assert connection.query("SELECT n FROM kept") == [(7,)]
        connection.close()


@pytest.mark.parametrize("kind", [LocalBroker, LocalClickHouse])
def test_a_given_port_that_is_taken_is_refused(broker, tmp_path, kind):
    with pytest.raises(NotReady):
        kind(tmp_path, broker.port).start()
    broker.create_topics(["the-owner-of-the-port-is-unharmed"])


def test_records_arrive_as_they_are_in_the_file(own_broker):
    assert play(SMALL, own_broker.address).delivered.total() == 3053
    expected = by_partition(
        (one.topic, partition_of(one.partition_key, 2), as_read(one)) for one in read_corpus(SMALL)
    )
    assert read_back(own_broker, expected) == expected


def test_records_for_an_unknown_topic_are_refused(own_broker):
    """tansu would make the topic, Kafka would let the record time out."""
    record = CorpusRecord(topic="nowhere", partition_key="p", timestamp_ms=1)
    with pytest.raises(NotDelivered, match="topic nowhere does not exist"):
        play_records([record], own_broker.address)


def test_without_a_broker_playing_says_so(own_broker):
    own_broker.stop()
    with pytest.raises(NotDelivered, match="no broker answers"):
        play(SMALL, own_broker.address)


def as_read(record):
    key = None if record.key is None else record.key.encode()
    headers = [(name, value.encode()) for name, value in record.headers] or None
    return key, record.value_bytes, record.timestamp_ms, headers


def by_partition(records):
    """Order counts within a partition."""
    found = defaultdict(list)
    for topic, partition, content in records:
        found[topic, partition].append(content)
    return found


def read_back(broker, expected):
    """Read exactly as many records of each partition as are expected, and one more if it is there."""
    consumer = Consumer({
        "bootstrap.servers": broker.address,
        "group.id": "read-back",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 50,
        "enable.partition.eof": True,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in expected])
    messages, ends = [], 0
    while ends < len(expected):
        message = consumer.poll(10)
        assert message is not None, "the broker fell silent"
        ends += message.error() is not None
        if message.error() is None:
            content = (message.key(), message.value(), message.timestamp()[1], message.headers())
            messages.append((message.topic(), message.partition(), content))
    consumer.close()
    return by_partition(messages)


def is_alive(pid):
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
