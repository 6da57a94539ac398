-- Totals, time buckets and checkpoints: one table, so that one batch is one insert block, one part, and therefore atomic.
-- Always read with sum(...) GROUP BY, never FINAL. No materialized view and no PARTITION BY may ever be added.
CREATE TABLE IF NOT EXISTS analytics
(
    resolution        Enum8('checkpoint' = 0, 'total' = 1, 'day' = 2, 'quarter' = 3)
                      COMMENT 'what the row is: a checkpoint of a Kafka partition, an all-time total, or a bucket of a UTC day or of 15 minutes',
    user_id           UUID COMMENT 'owner; nil on checkpoint rows and only there',
    workflow_id       UUID COMMENT 'workflow; nil: the sum over all workflows of the user; on checkpoint rows the id of the Kafka partition',
    bucket_start      DateTime('UTC') COMMENT 'start of the bucket; 1970-01-01 on totals and checkpoints',
    workflows         Int64 CODEC(T64, LZ4) COMMENT 'workflows first named in the bucket',
    jobs              Int64 CODEC(T64, LZ4) COMMENT 'finished jobs',
    execution_seconds Int64 CODEC(T64, LZ4) COMMENT 'execution time of those jobs, whole seconds',
    log_lines         Int64 CODEC(T64, LZ4) COMMENT 'log lines',
    log_bytes         Int64 CODEC(T64, LZ4) COMMENT 'UTF-8 bytes of those lines',
    checkpoint_rows   Int64 CODEC(T64, LZ4) COMMENT 'checkpoint rows only: 1 on the first row of a partition, which marks it as started',
    offset_delta      Int64 CODEC(T64, LZ4) COMMENT 'checkpoint rows only: offsets applied; their sum is the next offset to apply',
    next_offset       SimpleAggregateFunction(max, Int64) CODEC(T64, LZ4) COMMENT 'checkpoint rows only: the next offset again, to audit the sum',
    leader_epoch      SimpleAggregateFunction(max, Int32) CODEC(T64, LZ4) COMMENT 'checkpoint rows only: leader epoch of the last applied record, -1 if unknown',
    CONSTRAINT nil_user_marks_checkpoints CHECK (resolution = 'checkpoint') = (user_id = toUUID('00000000-0000-0000-0000-000000000000'))
)
ENGINE = SummingMergeTree
ORDER BY (resolution, user_id, workflow_id, bucket_start)
SETTINGS
    index_granularity = 256,
    non_replicated_deduplication_window = {deduplication_window},
    fsync_after_insert = 1,
    fsync_part_directory = 1;

-- What is known of a workflow besides its numbers. Every column merges by itself, so a row may be written again at will.
CREATE TABLE IF NOT EXISTS workflows
(
    user_id       UUID,
    workflow_id   UUID,
    kind          SimpleAggregateFunction(max, Tuple(time_ms Int64, record_offset Int64, kind String))
                  COMMENT 'kind of the newest WORKFLOWS event; an empty kind: none came yet',
    build         SimpleAggregateFunction(max, Tuple(generation Int64, time_ms Int64))
                  COMMENT 'highest generation of BUILD and RESCHEDULE and its record time; generation -1: none came yet',
    terminate     SimpleAggregateFunction(max, Tuple(generation Int64, time_ms Int64))
                  COMMENT 'highest generation of TERMINATE and its record time; generation -1: none came yet',
    deleted_ms    SimpleAggregateFunction(max, Int64) COMMENT 'record time of DELETE, Unix milliseconds; 0: none came yet',
    first_seen_ms SimpleAggregateFunction(min, Int64) COMMENT 'earliest timestamp of the records behind this row, Unix milliseconds'
)
ENGINE = AggregatingMergeTree
ORDER BY (user_id, workflow_id)
SETTINGS index_granularity = 256, fsync_after_insert = 1, fsync_part_directory = 1;

-- Index of event keys: evidence that an event came before. Only rows with record_offset below the checkpoint count.
CREATE TABLE IF NOT EXISTS event_keys
(
    key_hi        UInt64 COMMENT '48 bits of the UUIDv7 time inside the EventKey (0: none), then 16 more of the key',
    key_lo        UInt64 COMMENT 'the lower 64 bits of the key',
    partition_id  UUID COMMENT 'id of the Kafka partition, as on its checkpoint rows',
    record_offset Int64 CODEC(Delta, LZ4),
    time_ms       Int64 CODEC(Delta, LZ4) COMMENT 'timestamp of the record, Unix milliseconds',
    garbage_week  UInt16 COMMENT 'weeks from 1970 to the record, by which rows are dropped; 65535: never'
)
ENGINE = MergeTree
PARTITION BY garbage_week
ORDER BY (key_hi, key_lo)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

-- The same for log lines: one row for consecutive sequence numbers of one batch.
-- Only rows with last_offset below the checkpoint count. The job's id is in halves: UUIDs sort by their second one.
CREATE TABLE IF NOT EXISTS log_runs
(
    job_hi       UInt64,
    job_lo       UInt64,
    attempt      UInt32 COMMENT 'attempt of the job, from 1',
    stream       Enum8('stdout' = 1, 'stderr' = 2),
    first_seq    UInt32,
    last_seq     UInt32 COMMENT 'inclusive',
    partition_id UUID COMMENT 'id of the Kafka partition, as on its checkpoint rows',
    last_offset  Int64 CODEC(Delta, LZ4) COMMENT 'highest offset of the lines',
    min_time_ms  Int64 CODEC(Delta, LZ4) COMMENT 'earliest record timestamp of the lines, Unix milliseconds',
    line_times   String COMMENT 'record timestamp of each line as little-endian 32-bit milliseconds after min_time_ms; empty: all are equal',
    garbage_week UInt16 COMMENT 'weeks from 1970 to the latest record timestamp, by which rows are dropped'
)
ENGINE = MergeTree
PARTITION BY garbage_week
ORDER BY (job_hi, job_lo, attempt, stream, first_seq)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

-- Which log was counted: the identity of every topic, so that another cluster or a re-created topic is never mistaken for it.
CREATE TABLE IF NOT EXISTS namespaces
(
    topic      String,
    cluster_id String,
    topic_id   UUID COMMENT 'nil where the broker has no topic ids',
    epoch      UInt32 COMMENT 'raised by the operator who adopts another log',
    partitions UInt32 COMMENT 'partitions of the topic that may be read',
    created_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(created_at)
ORDER BY (topic, epoch)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- How far each partition is, for freshness.
CREATE TABLE IF NOT EXISTS progress
(
    topic           LowCardinality(String),
    partition       UInt32,
    partition_id    UUID COMMENT 'id of the Kafka partition, as on its checkpoint rows',
    partition_count UInt32 COMMENT 'partitions of the topic when the row was written',
    next_offset     Int64 COMMENT 'everything below is counted',
    end_offset      Int64 COMMENT 'end of the log when it was last asked for, -1: unknown',
    as_of_ms        Int64 COMMENT 'every record published before this time is counted, Unix milliseconds; 0: unknown',
    updated_at      DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (topic, partition)
SETTINGS index_granularity = 1024;

-- Server versions that were proved to keep the promise of the guarded insert (processor.selftest).
CREATE TABLE IF NOT EXISTS selftests
(
    server_version String,
    schema_version UInt32,
    passed_at      DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(passed_at)
ORDER BY (server_version, schema_version);
