"""Composes the processor: settings in, a running pipeline out."""

import gc
import threading
from collections.abc import Mapping
from typing import Final

import structlog
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from analytics import tracing
from analytics.endpoints import serve_endpoints
from analytics.store.pool import Pool
from analytics.store.shards import require_home
from processor.apply import Stores
from processor.audit.background import BackgroundAudit
from processor.checkpoints import ShardedLedger
from processor.dead_letter import DeadLetters, MalformedShare
from processor.freshness import FreshnessReporter
from processor.kafka import admin_config, producer_config
from processor.lane import Limits
from processor.lineage_table import Lineage, identify
from processor.opening import Opener
from processor.pipeline import Pipeline
from processor.settings import ProcessorSettings
from processor.shard_pools import Pools, ShardPools, prove_shard
from processor.shard_stores import ShardStores
from processor.source import Source
from processor.stranded import StrandedClients
from processor.topics import Topic, describe_topic, describe_topics
from processor.vitals import COUNTING, Vitals

_PROGRAM: Final = "analytics-processor"  # as Chronoverse calls it in its traces
_STORE_TIMEOUT_S: Final = 60.0  # well below max.poll.interval.ms
_LEAVE_WITHIN_S: Final = 5.0
_FILTERS_BYTES: Final = 64 << 20  # of all partitions together
_LARGEST_FILTER_BYTES: Final = 8 << 20
_SMALLEST_FILTER_BYTES: Final = 1 << 20

_COLLECT_AFTER: Final = 50_000  # objects: a dozen polls

_log = structlog.get_logger(__name__)


class Processor:
    """One member of the consumer group."""

    _admin: AdminClient

    def __init__(self, settings: ProcessorSettings) -> None:
        self._settings = settings
        self._home = _connect(settings)
        self._shards = ShardPools(settings, self._home, _connect)
        self._topics: Mapping[str, Lineage] = {}
        self._vitals = Vitals(settings.processor_stale_after)
        serve_endpoints(
            settings.metrics_port, live=self._vitals.live_problems, ready=self._vitals.ready_problems
        )
        tracing.begin(settings, _PROGRAM)

    def prepare(self) -> None:
        """Check what exactly-once rests on. Raises Retryable when something is away, Stop when it is wrong."""
        self._vitals.note(COUNTING)
        prove_shard(self._home, self._settings)
        with self._home.plain.lend(_STORE_TIMEOUT_S) as connection:
            require_home(connection)
        self._admin = AdminClient(admin_config(self._settings))  # at each attempt: see processor.stranded
        self._topics = identify(self._home.plain, describe_topics(self._admin))

    def run(self, stop: threading.Event) -> bool:
        """Count until `stop` is set; return whether this set it, to be begun anew. Raises Stop."""
        _calm_garbage_collection()
        source = Source(self._settings)
        pipeline = self._pipeline(source)
        freshness = FreshnessReporter(
            self._admin,
            self._shards,
            self._topics,
            pipeline.positions,
            horizon_ms=self._settings.horizon_ms,
            vitals=self._vitals,
        )
        freshness.start()
        audit = BackgroundAudit(self._settings)
        audit.start()
        stranded = StrandedClients(
            lambda: source.reaches_a_broker, self._admin, self._witness, on_stranded=stop.set
        )
        stranded.start()
        _log.info("running", group=self._settings.kafka_consumer_group)
        self._vitals.running(stop, pipeline.states)
        try:
            pipeline.run(stop, lambda: self._turned(freshness))
        finally:
            stranded.stop()
            _leave_group(source)
            audit.stop()
            freshness.stop()
            self._shards.close()
            tracing.end()
        _log.info("stopped")
        return stranded.were_found

    def _witness(self) -> AdminClient:
        """A client that says nothing of an outage: the others do."""
        return AdminClient(admin_config(self._settings) | {"log_level": 0})

    def _turned(self, freshness: FreshnessReporter) -> None:
        self._vitals.note(COUNTING)
        freshness.require_no_failure()

    def _pipeline(self, source: Source) -> Pipeline:
        settings = self._settings
        stores = Stores(
            plain=self._home.plain,
            columns=self._home.columns,
            ledger=ShardedLedger(self._shards),
            dead_letters=DeadLetters(Producer(producer_config(settings))),
            describe=self._describe,
            horizon_ms=settings.horizon_ms,
            filter_bytes=filter_bytes(self._topics["analytics"].partitions),
        )
        limits = Limits(
            records=settings.processor_max_batch_records,
            kept_bytes=settings.processor_max_batch_bytes,
            min_interval_s=settings.processor_min_interval,
        )
        opener = Opener(
            self._admin,
            stores,
            grace_s=settings.processor_growth_grace,
            stores_of=ShardStores(self._shards, stores),
        )
        malformed = MalformedShare(settings.processor_max_malformed_share)
        return Pipeline(source, self._topics, opener, limits, settings.processor_workers, malformed)

    def _describe(self, topic: str) -> Topic:
        return describe_topic(self._admin, self._topics[topic].cluster_id, topic)


def _connect(settings: ProcessorSettings) -> Pools:
    size = settings.processor_workers
    return Pools(
        Pool(settings, size=size + 1, timeout_s=_STORE_TIMEOUT_S),
        Pool(settings, size=size, timeout_s=_STORE_TIMEOUT_S, numpy=True),
    )


def _leave_group(source: Source) -> None:
    """Tell the group, unless no broker answers: the consumer would wait for one as long as a session.

    A thread that still does so goes with the process. Without it the consumer would wait at the end of the interpreter.
    """
    leaving = threading.Thread(target=source.close, name="leaving", daemon=True)
    leaving.start()
    leaving.join(_LEAVE_WITHIN_S)
    if leaving.is_alive():
        _log.warning("consumer_not_closed", within_s=_LEAVE_WITHIN_S)


def _calm_garbage_collection() -> None:
    """Let it look at what has come since, and not at every few hundred records: they are in no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def filter_bytes(partitions: int) -> int:
    """Return how much memory the filter of one partition may take, were all of them read here."""
    return max(_SMALLEST_FILTER_BYTES, min(_LARGEST_FILTER_BYTES, _FILTERS_BYTES // partitions))
