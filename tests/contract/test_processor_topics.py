"""Which log is counted is stored once, on a real ClickHouse, and no other log is taken for it."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from analytics.errors import LogMismatch
from processor.lineage import Generation, Inherited
from processor.lineage_table import Lineage, identify, read_lineages, store_generation
from processor.topics import Topic
from tests.processor_world import fresh_database, pools

pytestmark = pytest.mark.integration

NAMES = ("analytics", "workflows", "job_logs")
IDS = {name: uuid4() for name in NAMES}


def found(**changes):
    """The topics as a broker has them."""
    return {name: Topic(name, "lkc-1", IDS[name], partitions=2)._replace(**changes) for name in NAMES}


def known(**changes):
    """What the database then knows of them."""
    return {name: lineage(name)._replace(**changes) for name in NAMES}


def lineage(name="analytics"):
    return Lineage(name, "lkc-1", IDS[name], 0, (Generation(2),))


@pytest.fixture(scope="module")
def shared_pool(clickhouse):
    with pools(fresh_database(clickhouse.address), size=4) as (plain, _):
        yield plain


@pytest.fixture
def pool(shared_pool):
    """A database that has not counted any log yet."""
    query(shared_pool, "TRUNCATE TABLE lineage")
    return shared_pool


def query(pool, sql):
    with pool.lend(10) as connection:
        return connection.query(sql)


def test_topics_that_are_new_are_stored_as_they_are_found(pool):
    assert identify(pool, found()) == known()


def test_they_are_stored_once(pool):
    for _ in range(3):
        identify(pool, found())
    assert query(pool, "SELECT count(), uniqExact(topic) FROM lineage") == [(3, 3)]


def test_they_are_known_after_a_restart(pool):
    identify(pool, found())
    assert identify(pool, found()) == known()


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
    assert query(pool, "SELECT DISTINCT cluster_id FROM lineage") == [("lkc-1",)]


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
    assert identify(pool, found()) == known()


def test_when_an_operator_has_adopted_another_log_that_one_counts(pool):
    identify(pool, found())
    adopted = lineage()._replace(topic_id=UUID(int=7), epoch=1, generations=(Generation(1),))
    store_generation(pool, adopted)
    now = found() | {"analytics": Topic("analytics", "lkc-1", UUID(int=7), partitions=1)}
    assert identify(pool, now) == known() | {"analytics": adopted}


def test_then_the_former_log_is_refused(pool):
    identify(pool, found())
    store_generation(pool, lineage()._replace(topic_id=UUID(int=7), epoch=1))
    with pytest.raises(LogMismatch, match="topic analytics"):
        identify(pool, found())


def test_the_partitions_of_an_adopted_log_have_ids_of_their_own():
    assert lineage().partition(0).id != lineage()._replace(epoch=1).partition(0).id


def test_a_topic_that_has_grown_keeps_where_its_partitions_were(pool):
    identify(pool, found())
    grown = lineage().grown(3, [Inherited(uuid4(), 5, 9), Inherited(uuid4(), 6, 6)])
    store_generation(pool, grown)
    assert read_lineages(pool)["analytics"] == grown


def test_the_first_one_who_stores_a_generation_decides_it(pool):
    identify(pool, found())
    first, second = (lineage().grown(count, [Inherited(UUID(int=count), 5, 9)]) for count in (3, 4))
    store_generation(pool, first)
    store_generation(pool, second)
    assert read_lineages(pool)["analytics"] == first


def test_processors_that_start_first_at_the_same_time_agree(pool):
    """They may see different numbers of partitions."""
    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda count: identify(pool, found(partitions=count)), (2, 3, 4, 5)))
    assert [one for one in told if one != read_lineages(pool)] == []
