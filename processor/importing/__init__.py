"""Totals of Chronoverse's Go service, taken over from its PostgreSQL as opening balances, exactly once.

1. `offsets`: the Go consumer groups are empty; where they stopped in each partition is read.
2. `go_tables`: one REPEATABLE READ snapshot of the Go tables is copied into table `import_rows` (`spool`), and the offsets
   are read once more: were they the same, nobody consumed meanwhile.
3. The import is *sealed*: one row in table `imports`, with the number of rows, their digest, and the offsets. Until then
   nothing has happened, and a killed run begins anew; from then on the rows never change, and every run goes on.
4. The lineage of each topic is stored, whose first generation inherits the pseudo-partition `import/<id>`: its index rows
   are evidence for all records of the topics, and processors wait until all of it is applied.
5. The partitions are begun at the offsets, and the rows are applied in batches through the guarded insert, row number
   as offset. Who dies in between leaves a checkpoint, from which the next run goes on.
6. The last insert passes the barrier: processors go on from there. The copied rows are dropped.

Why a copy, and not the tables again, and why in ClickHouse and not in a file: see docs/migration.md.
"""
