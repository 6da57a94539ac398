-- Several servers of ClickHouse. On each of them: which shard it is, so that no other server, and no empty one, is taken for it.
-- The first row wins: its insert carries a token.
CREATE TABLE IF NOT EXISTS shard_identity
(
    shard_id UUID COMMENT 'id of the shard; of the home shard the same as home_id',
    home_id  UUID COMMENT 'id of the home shard that it belongs to',
    noted_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY shard_id
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- The shards; on the home shard only. Without a row there is one server.
CREATE TABLE IF NOT EXISTS shards
(
    number     UInt32 COMMENT '1: the home shard',
    shard_id   UUID COMMENT 'as in its table shard_identity',
    address    String COMMENT 'host:port, as the processors reach it',
    is_open    UInt8 COMMENT '1: takes partitions that were never begun',
    opens_at   DateTime64(3, 'UTC') COMMENT 'takes none before: until then every service knows it',
    changed_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(changed_at)
ORDER BY number
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Which shard the rows of a Kafka partition are on; on the home shard only. The first row of a partition wins: its insert carries a token.
-- A partition that was begun and has no row lives on the home shard.
CREATE TABLE IF NOT EXISTS partition_shards
(
    partition_id UUID COMMENT 'id of the Kafka partition, as on its checkpoint rows',
    topic        LowCardinality(String),
    partition    UInt32,
    shard        UInt32 COMMENT 'number of the shard; never changed',
    placed_at    DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY partition_id
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
