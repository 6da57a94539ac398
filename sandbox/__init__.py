"""The local stack: a real ClickHouse and a real broker as child processes, and events to play."""
