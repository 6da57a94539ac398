"""Everything that talks to ClickHouse: connections, migrations and the proofs that a start-up demands."""
