-- Offsets that are not counted, because the log lost them or an operator gave them up: written by `chronoverse-processor skip`.
CREATE TABLE IF NOT EXISTS gaps
(
    partition_id UUID COMMENT 'id of the Kafka partition, as on its checkpoint rows',
    topic        LowCardinality(String),
    partition    UInt32,
    first_offset Int64 COMMENT 'the checkpoint at which the partition stood',
    end_offset   Int64 COMMENT 'the offset from which it goes on',
    reason       String,
    is_done      UInt8 COMMENT '0: begun, the checkpoint may not have moved; 1: it has',
    noted_at     DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(noted_at)
ORDER BY (partition_id, first_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
