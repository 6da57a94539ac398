"""Settings of the Kafka clients, and why each of them."""

import math
from typing import Any, Final

from processor.settings import ProcessorSettings

_CLIENT_ID: Final = "chronoverse-processor"


def consumer_config(settings: ProcessorSettings) -> dict[str, Any]:
    """Return the configuration of the consumer."""
    return _client(settings) | {
        "group.id": settings.kafka_consumer_group,
        "partition.assignment.strategy": settings.kafka_assignment_strategy,
        "session.timeout.ms": round(settings.kafka_session_timeout * 1000),
        "heartbeat.interval.ms": round(settings.kafka_heartbeat_interval * 1000),
        "enable.auto.commit": False,  # the checkpoint is in ClickHouse; commits are for lag monitors
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # a log that lost records is a person's business
        "fetch.queue.backoff.ms": 5,  # the default of 1000 stalls a consumer that is slower than the fetch
        "fetch.wait.max.ms": math.ceil(settings.kafka_fetch_max_wait * 1000),
        "queued.max.messages.kbytes": 16_384,  # of memory, in all
        "fetch.message.max.bytes": 4 << 20,
        "statistics.interval.ms": 3_000,  # they tell whether it reaches a broker
        "max.poll.interval.ms": 300_000,  # longer than any time in which this program does not poll
    }


def producer_config(settings: ProcessorSettings) -> dict[str, Any]:
    """Return the configuration of the producer of dead letters."""
    return _client(settings) | {
        "enable.idempotence": True,
        "linger.ms": 5,
        "delivery.timeout.ms": 25_000,
        "message.max.bytes": 10 << 20,  # whatever came in may be parked, as far as the topic takes it
        "compression.type": "lz4",
    }


def admin_config(settings: ProcessorSettings) -> dict[str, Any]:
    """Return the configuration of the client that asks for topics and offsets."""
    return _client(settings)


def _client(settings: ProcessorSettings) -> dict[str, Any]:
    config: dict[str, Any] = {
        "bootstrap.servers": ",".join(settings.kafka_brokers),
        "client.id": _CLIENT_ID,
        "topic.metadata.refresh.interval.ms": 30_000,
        "allow.auto.create.topics": False,
        "reconnect.backoff.max.ms": 2_000,  # with the default of 10,000 the numbers are old for longer than the outage
    }
    if settings.kafka_tls_enabled:
        config |= {
            "security.protocol": "ssl",
            "ssl.ca.location": str(settings.kafka_tls_ca_file),
        }
        if settings.kafka_tls_cert_file is not None:
            config |= {
                "ssl.certificate.location": str(settings.kafka_tls_cert_file),
                "ssl.key.location": str(settings.kafka_tls_key_file),
            }
    return config
