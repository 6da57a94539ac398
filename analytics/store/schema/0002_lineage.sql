-- Topics that grow: a partition is frozen where its topic's growth was noticed, by a row that raises its generation.
ALTER TABLE analytics ADD COLUMN IF NOT EXISTS
    generation Int64 CODEC(T64, LZ4) COMMENT 'checkpoint rows only: their sum is the generation of the topic that the partition is counted under';

-- Which log is counted, and how its partitions came to be. The first row of a topic, epoch and generation wins: its insert carries a token.
CREATE TABLE IF NOT EXISTS lineage
(
    topic      String,
    epoch      UInt32 COMMENT 'raised by the operator who adopts another log',
    generation UInt32 COMMENT 'raised when partitions were added',
    cluster_id String,
    topic_id   UUID COMMENT 'nil where the broker has no topic ids',
    partitions UInt32 COMMENT 'partitions of the topic in this generation',
    inherited  Array(Tuple(partition_id UUID, frozen Int64, barrier Int64))
               COMMENT 'by number: where the partition was frozen (0: it is new), and the offset from which all records were published in this generation; of an adopted log, generation 0: the partitions that were counted before',
    created_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, epoch, generation)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What `namespaces` held moves over; the table is made again should it be gone already, so that this file may run twice.
CREATE TABLE IF NOT EXISTS namespaces
(
    topic String, epoch UInt32, cluster_id String, topic_id UUID, partitions UInt32, created_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (topic, epoch);

INSERT INTO lineage (topic, epoch, generation, cluster_id, topic_id, partitions, created_at)
SELECT topic, epoch, 0, argMin(cluster_id, created_at), argMin(topic_id, created_at), argMin(partitions, created_at), min(created_at)
FROM namespaces
GROUP BY topic, epoch
SETTINGS insert_deduplication_token = 'from namespaces';

DROP TABLE IF EXISTS namespaces;
