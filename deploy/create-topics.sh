#!/bin/sh
# Create Chronoverse's topics, and ours for malformed records, on the broker named by the argument (host:port).
# A topic that exists stays as it is. On a cluster of several brokers, set REPLICATION_FACTOR; for a broker with TLS,
# KAFKA_COMMAND_CONFIG to a file of properties.
set -eu

BROKER=${1:?"host:port of a broker"}
KAFKA_TOPICS=${KAFKA_TOPICS:-/opt/kafka/bin/kafka-topics.sh}
PARTITIONS=${PARTITIONS:-2}
REPLICATION_FACTOR=${REPLICATION_FACTOR:-1}
HOUR_MS=3600000

create() { # topic, hours of retention, more settings
    topic=$1 hours=$2
    shift 2
    "$KAFKA_TOPICS" --bootstrap-server "$BROKER" ${KAFKA_COMMAND_CONFIG:+--command-config "$KAFKA_COMMAND_CONFIG"} --create --if-not-exists --topic "$topic" \
        --partitions "$PARTITIONS" --replication-factor "$REPLICATION_FACTOR" \
        --config cleanup.policy=delete --config retention.ms=$((hours * HOUR_MS)) "$@"
}

for topic in analytics workflows job_logs jobs; do
    create "$topic" 168
done
# Kept longer, because a person has to look; larger, because a parked record has our headers on top of its own.
create analytics.dead_letter 2160 --config max.message.bytes=2097152
