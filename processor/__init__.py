"""The processor: consumes Chronoverse's events from Kafka and applies them to ClickHouse, exactly once."""
