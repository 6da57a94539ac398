"""Which log is counted is stored once, on a real ClickHouse, and no other log is taken for it."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from analytics.errors import LogMismatch
from processor.topics import Topic, identify
from tests.processor_world import fresh_database, pools

pytestmark = pytest.mark.integration

NAMES = ("analytics", "workflows", "job_logs")
IDS = {name: uuid4() for name in NAMES}
_INSERT = "INSERT INTO namespaces (topic, cluster_id, topic_id, epoch, partitions, created_at) VALUES"


def found(**changes):
    """The topics as a broker has them."""
    return {name: Topic(name, "lkc-1", IDS[name], partitions=2)._replace(**changes) for name in NAMES}


@pytest.fixture(scope="module")
def shared_pool(clickhouse):
    with pools(fresh_database(clickhouse.address), size=1) as (plain, _):
        yield plain


@pytest.fixture
def pool(shared_pool):
    """A database that has not counted any log yet."""
    query(shared_pool, "TRUNCATE TABLE namespaces")
    return shared_pool


def query(pool, sql):
    with pool.lend(10) as connection:
        return connection.query(sql)


def adopt(pool, topic):
    """What an operator does who goes on with another log."""
    with pool.lend(10) as connection:
        row = (topic.name, topic.cluster_id, topic.topic_id, topic.epoch, topic.partitions, datetime.now(UTC))
        connection.insert(_INSERT, [[one] for one in row])


def test_topics_that_are_new_are_stored_as_they_are_found(pool):
    assert identify(pool, found()) == found()


def test_they_are_stored_once(pool):
    for _ in range(3):
        identify(pool, found())
    assert query(pool, "SELECT count(), uniqExact(topic) FROM namespaces") == [(3, 3)]


def test_they_are_known_after_a_restart(pool):
    identify(pool, found())
    assert identify(pool, found()) == found()


@pytest.mark.parametrize(
    "changes", [{"cluster_id": "lkc-2"}, {"topic_id": UUID(int=7)}], ids=["cluster", "topic id"]
)
def test_another_log_is_refused(pool, changes):
    identify(pool, found())
    with pytest.raises(LogMismatch, match="is not the log that this database has counted"):
        identify(pool, found(**changes))


def test_one_topic_that_was_created_anew_is_enough(pool):
    identify(pool, found())
    with pytest.raises(LogMismatch, match="topic job_logs"):
        identify(pool, found() | {"job_logs": Topic("job_logs", "lkc-1", uuid4(), partitions=2)})


def test_a_refused_log_is_not_stored(pool):
    identify(pool, found())
    with pytest.raises(LogMismatch):
        identify(pool, found(cluster_id="lkc-2"))
    assert query(pool, "SELECT DISTINCT cluster_id FROM namespaces") == [("lkc-1",)]


def test_the_message_says_both_and_what_to_do(pool):
    identify(pool, found())
    with pytest.raises(LogMismatch, match=r"lkc-1, this is .* on lkc-2.*KAFKA_BROKERS.*CLICKHOUSE_DATABASE"):
        identify(pool, found(cluster_id="lkc-2"))


def test_partitions_that_were_added_since_are_not_among_the_known_ones(pool):
    identify(pool, found())
    assert {topic.partitions for topic in identify(pool, found(partitions=5)).values()} == {2}


def test_a_topic_that_came_later_is_stored_beside_the_others(pool):
    first = {name: topic for name, topic in found().items() if name != "job_logs"}
    identify(pool, first)
    assert identify(pool, found()) == found()


def test_when_an_operator_has_adopted_another_log_that_one_counts(pool):
    identify(pool, found())
    adopted = found()["analytics"]._replace(topic_id=UUID(int=7), epoch=1, partitions=1)
    adopt(pool, adopted)
    known = identify(pool, found() | {"analytics": adopted._replace(epoch=0)})
    assert known == found() | {"analytics": adopted}


def test_then_the_former_log_is_refused(pool):
    identify(pool, found())
    adopt(pool, found()["analytics"]._replace(topic_id=UUID(int=7), epoch=1))
    with pytest.raises(LogMismatch, match="topic analytics"):
        identify(pool, found())


def test_the_partitions_of_an_adopted_log_have_ids_of_their_own():
    topic = found()["analytics"]
    assert topic.partition(0).id != topic._replace(epoch=1).partition(0).id
