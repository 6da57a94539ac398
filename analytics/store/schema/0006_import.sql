-- What was imported from the Go service and has no time: totals have it, days and quarter hours do not, so that total = days + opening.
ALTER TABLE analytics MODIFY COLUMN
    resolution Enum8('checkpoint' = 0, 'total' = 1, 'day' = 2, 'quarter' = 3, 'opening' = 4)
    COMMENT 'what the row is: a checkpoint of a Kafka partition, an all-time total, a bucket of a UTC day or of 15 minutes, or the part of a total that was imported without a time';

-- The one import of a database, sealed: from then on it is carried out to its end, whoever does it. The first row wins: its insert carries a token.
CREATE TABLE IF NOT EXISTS imports
(
    import_id   UUID COMMENT 'id of the import; its checkpoint is that of the pseudo-partition import/<import_id>',
    taken_at    DateTime64(3, 'UTC') COMMENT 'when the snapshot of PostgreSQL was taken',
    segments    Array(Tuple(kind String, end_row Int64)) COMMENT 'kinds of rows in their order, each with the row number behind its last one',
    digest      String COMMENT 'SHA-256 of all rows in their order',
    logs        Array(Tuple(topic String, cluster_id String, topic_id UUID, starts Array(Int64)))
                COMMENT 'the topics that go on where the snapshot ends: by partition, the first offset that is not in it',
    workflows   Int64 COMMENT 'what is in the rows, over all users',
    jobs        Int64,
    results     Int64 COMMENT 'jobs of the history, whose results are known',
    execution_seconds Int64,
    log_lines   Int64,
    sealed_at   DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY import_id
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- The snapshot itself, until it is imported: what is imported must not depend on a second look at tables that live on.
CREATE TABLE IF NOT EXISTS import_rows
(
    import_id  UUID,
    row_number Int64 CODEC(Delta, ZSTD),
    content    String CODEC(ZSTD) COMMENT 'JSON; its form follows from the segment, see processor.importing.rows'
)
ENGINE = MergeTree
PARTITION BY import_id
ORDER BY row_number
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
