-- Results of jobs, durations, and what goes to stderr: summed on every resolution, like all other numbers.
ALTER TABLE analytics
    ADD COLUMN IF NOT EXISTS jobs_completed Int64 CODEC(T64, LZ4) COMMENT 'jobs whose published result is "completed"',
    ADD COLUMN IF NOT EXISTS jobs_failed Int64 CODEC(T64, LZ4) COMMENT 'jobs whose published result is "failed"',
    ADD COLUMN IF NOT EXISTS failures SimpleAggregateFunction(sumMap, Map(String, UInt64))
        COMMENT 'those, by failure kind and error code with a blank between',
    ADD COLUMN IF NOT EXISTS shortest_seconds SimpleAggregateFunction(min, UInt32) DEFAULT 4294967295 CODEC(T64, LZ4)
        COMMENT 'shortest execution time of the finished jobs; 4294967295: there is none',
    ADD COLUMN IF NOT EXISTS longest_seconds SimpleAggregateFunction(max, UInt32) CODEC(T64, LZ4)
        COMMENT 'longest execution time of the finished jobs',
    ADD COLUMN IF NOT EXISTS durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
        COMMENT 'finished jobs by the bin of their execution time, see analytics.histogram',
    ADD COLUMN IF NOT EXISTS jobs_with_status Int64 CODEC(T64, LZ4) COMMENT 'finished jobs whose own event tells their result',
    ADD COLUMN IF NOT EXISTS failed_seconds Int64 CODEC(T64, LZ4) COMMENT 'execution time of those of them that failed, whole seconds',
    ADD COLUMN IF NOT EXISTS failed_durations SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))
        COMMENT 'those of them that failed, by the bin of their execution time',
    ADD COLUMN IF NOT EXISTS stderr_lines Int64 CODEC(T64, LZ4) COMMENT 'log lines that were written to stderr',
    ADD COLUMN IF NOT EXISTS stderr_bytes Int64 CODEC(T64, LZ4) COMMENT 'UTF-8 bytes of those lines';
