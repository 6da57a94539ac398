"""What a trace says of statements at a real ClickHouse: which ones, in which step, and never a value."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from grpc import aio

from analytics import analytics_pb2 as pb
from analytics.analytics_pb2_grpc import AnalyticsServiceStub
from analytics.lookups import StoreLookups
from analytics.reads import QueryRunner
from analytics.shared_metrics import STATEMENT_FAILURES, STATEMENT_SECONDS
from analytics.store.pool import Connection, StatementFailed
from processor.apply import PartitionWriter, Stores
from processor.batch_trace import traced as traced_batch
from processor.ledger import Ledger
from processor.lineage import Generation
from processor.lineage_table import Lineage
from processor.topics import Topic
from tests.collector import TRACE_ID, TRACEPARENT, collecting, traced
from tests.grpc_world import STRANGER, failure, metadata, serving, token
from tests.processor_world import HORIZON_MS, built, finished_job, gathered

pytestmark = pytest.mark.integration


@pytest.fixture
def collector():
    with collecting() as listening:
        yield listening


async def test_the_query_of_a_call_is_in_the_trace_of_the_caller(collector, database):
    runner = QueryRunner(database, size=1, timeout_s=5)
    lookups = StoreLookups(runner, parallel=1, most_waiting=10)
    with traced(collector.endpoint):
        async with serving(lookups) as address, aio.insecure_channel(address) as channel:
            ask = pb.GetUserAnalyticsRequest(user_id=str(STRANGER))
            told = [*metadata(token(STRANGER)), ("traceparent", TRACEPARENT)]
            await failure(AnalyticsServiceStub(channel).GetUserAnalytics(ask, metadata=told))
    runner.close()
    (query,) = collector.named("SELECT analytics")
    assert query.trace_id == TRACE_ID
    assert query.attributes == {"db.system.name": "clickhouse", "db.query.summary": "SELECT analytics"}
    assert not [one for one in collector.spans if str(STRANGER) in repr(one)]


class Writer:
    """A partition writer on a real ClickHouse, of a partition of the test's own."""

    def __init__(self, plain, columns):
        found = Topic("analytics", "a cluster", uuid4(), 1)
        lineage = Lineage("analytics", found.cluster_id, found.topic_id, 0, (Generation(1),))
        letters = SimpleNamespace(park=lambda *_: None)
        ledger, self.partition = Ledger(plain, columns), lineage.partition(0)
        stores = Stores(plain, columns, ledger, letters, lambda _: found, HORIZON_MS, 1 << 16)
        self._writer = PartitionWriter(self.partition, lineage, ledger.begin(self.partition, 0, 0), stores)

    def apply(self, batch):
        with traced_batch(self.partition, batch):
            self._writer.apply(batch)


def test_the_steps_of_a_batch_are_below_it_and_statements_below_their_step(collector, stores):
    with traced(collector.endpoint):
        Writer(*stores).apply(gathered("analytics", built(), finished_job(), b"malformed"))
    (batch,) = collector.named("apply analytics")
    steps = ["check", "park", "facts", "repeats", "fold", "insert"]
    assert sorted(collector.below(batch)) == sorted(steps)
    (insert,) = collector.named("insert")
    assert collector.below(insert) == ["INSERT analytics", "SELECT analytics"]


def test_what_is_asked_beside_calls_and_batches_makes_no_span(collector, database):
    connection = Connection(database, timeout_s=10)
    with traced(collector.endpoint):
        connection.query("SELECT 1")
    connection.close()
    assert collector.spans == []


def count(statement):
    return STATEMENT_SECONDS.labels(statement)._sum.get() > 0


def test_a_statement_is_measured_under_what_it_does(database):
    connection = Connection(database, timeout_s=10)
    connection.query("SELECT count() FROM gaps")
    connection.close()
    assert count("SELECT gaps")


def test_a_statement_that_the_server_refuses_is_counted(database):
    refused = STATEMENT_FAILURES.labels("SELECT nowhere", "refused")
    before = refused._value.get()
    connection = Connection(database, timeout_s=10)
    with pytest.raises(StatementFailed):
        connection.query("SELECT count() FROM nowhere")
    connection.close()
    assert refused._value.get() == before + 1
