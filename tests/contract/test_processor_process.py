"""The processor as an operator sees it: probes, metrics, traces and the end, on a real broker and a real ClickHouse."""

import json
import re
import signal
import sys
import urllib.error
import urllib.request

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from sandbox.broker import LocalBroker
from sandbox.ports import free_port
from sandbox.processes import ChildProcess
from tests.collector import TRACE_ID, TRACEPARENT, collecting
from tests.eventually import eventually
from tests.processor_world import finished_job, fresh_database

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("a_python_of_its_own")]


class Running:
    """`chronoverse-processor run` in a process of its own."""

    def __init__(self, folder, broker, database, collector):
        self.broker, self.collector, self.database = broker, collector, database
        self.port = free_port()
        environment = {
            "CLICKHOUSE_HOSTS": database.clickhouse_hosts[0],
            "CLICKHOUSE_DATABASE": database.clickhouse_database,
            "KAFKA_BROKERS": broker.address,
            "KAFKA_SESSION_TIMEOUT": "2s",
            "KAFKA_HEARTBEAT_INTERVAL": "500ms",
            "METRICS_PORT": str(self.port),
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "info",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        command = [sys.executable, "-m", "processor", "run"]
        self.process = ChildProcess("processor", command, folder / "processor.log", environment=environment)

    def get(self, path):
        """Status and text; status 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def is_ready(self):
        return self.get("/ready")[0] == 200

    def metric(self, name, **labels):
        """The sum over all series with these labels."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        samples = [one for family in families for one in family.samples if one.name == name]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    def publish(self, count):
        producer = Producer({"bootstrap.servers": self.broker.address})
        for number in range(count):
            value = json.dumps(finished_job(number)).encode()
            producer.produce("analytics", value, partition=0, headers=[("traceparent", TRACEPARENT.encode())])
        assert producer.flush(10) == 0

    def events(self):
        return [json.loads(line) for line in self.process.log.read_text().splitlines()]


@pytest.fixture(scope="module")
def running(tmp_path_factory, clickhouse):
    """One that has counted three records."""
    folder = tmp_path_factory.mktemp("processor")
    with LocalBroker(folder) as broker, collecting() as collector:
        broker.create_topics()
        started = Running(folder, broker, fresh_database(clickhouse.address), collector)
        try:
            eventually(started.is_ready, within_s=60)
            started.publish(3)
            eventually(lambda: started.metric("processor_records_total") == 3, within_s=30)
            yield started
        finally:
            started.process.kill()


def test_it_is_ready_once_it_counts_what_is_published(running):
    assert running.get("/ready") == (200, '{"ok": true, "problems": []}\n')


def test_it_lives(running):
    assert running.get("/live")[0] == 200


def test_lag_and_freshness_are_there_for_every_partition(running):
    eventually(lambda: running.metric("processor_lag_records", topic="analytics", partition="0") == 0)
    text = running.get("/metrics")[1]
    for name in ("processor_lag_records", "processor_as_of_timestamp_seconds"):
        assert len(re.findall(rf"^{name}\{{", text, re.MULTILINE)) == 6


def test_it_has_no_metrics_of_the_service(running):
    """An as-of time of 0, from here, would be the smallest of all."""
    assert "analytics_" not in running.get("/metrics")[1]


def test_a_batch_is_linked_with_the_trace_that_its_records_came_with(running):
    spans = eventually(lambda: [one for one in running.collector.named("apply analytics") if one.links])
    assert (spans[0].program, set(spans[0].links)) == ("analytics-processor", {TRACE_ID})


def test_what_it_says_of_a_partition_has_no_trace(running):
    """What belongs to no batch has no ids."""
    assert not [one for one in running.events() if "trace_id" in one]


@pytest.fixture(scope="module")
def ended(running):
    """The same after SIGTERM, with one more record just before."""
    running.publish(1)
    eventually(lambda: running.metric("processor_records_total") == 4, within_s=30)
    running.process.signal(signal.SIGTERM)
    running.exit_code = running.process.wait(20)
    return running


def test_sigterm_ends_it_with_0(ended):
    assert ended.exit_code == 0


def test_it_drains_before_it_leaves_and_leaves_before_it_stops(ended):
    events = [one["event"] for one in ended.events()]
    assert (events[-1], events.count("draining"), events.count("partition_revoked")) == ("stopped", 1, 6)
    assert events.index("draining") < events.index("partition_revoked")


def test_who_watches_the_lag_of_the_group_sees_that_nothing_is_left(ended):
    """The last record was counted less than a second before the signal."""
    consumer = Consumer({"bootstrap.servers": ended.broker.address, "group.id": "analytics-processor"})
    (committed,) = consumer.committed([TopicPartition("analytics", 0)], timeout=10)
    consumer.close()
    assert committed.offset == 4
