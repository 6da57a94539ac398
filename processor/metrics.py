"""Every metric of the processor. Labels hold names from fixed sets only, never an id or text of a record.

Name, unit and meaning are given here only: `make docs` writes docs/metrics.md from them.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RECORDS: Final = (1, 10, 100, 1_000, 10_000, 30_000, 60_000, 100_000)
_BYTES: Final = (1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 22, 1 << 24, 1 << 25, 1 << 26)

# --- what was counted ---
RECORDS: Final = Counter("processor_records", "Records applied.", ("topic",), unit="records")
SKIPPED: Final = Counter(
    "processor_skipped_records",
    "Records of a known form that add nothing, by why.",
    ("topic", "why"),
    unit="records",
)
REPEATS: Final = Counter(
    "processor_repeated_events",
    "Events that came before and were not counted again.",
    ("topic",),
    unit="events",
)
DEAD_LETTERS: Final = Counter(
    "processor_dead_letters", "Malformed records parked.", ("topic", "reason"), unit="letters"
)
GAPS: Final = Counter(
    "processor_gap_offsets", "Offsets of the log that held no record.", ("topic",), unit="offsets"
)

# --- how batches go ---
BATCH_RECORDS: Final = Histogram(
    "processor_batch_records", "Records of a batch.", ("topic",), unit="records", buckets=_RECORDS
)
BATCH_BYTES: Final = Histogram(
    "processor_batch_bytes", "Record values in a batch.", ("topic",), unit="bytes", buckets=_BYTES
)
APPLY_SECONDS: Final = Histogram(
    "processor_apply_seconds",
    "Time from a batch to its checkpoint read back, failed attempts too.",
    ("topic",),
    unit="seconds",
    buckets=_SECONDS,
)
STEP_SECONDS: Final = Histogram(
    "processor_step_seconds",
    "Time of one step of that: `check`, `park`, `facts`, `repeats`, `fold` or `insert`.",
    ("topic", "step"),
    unit="seconds",
    buckets=_SECONDS,
)
CONFLICTS: Final = Counter(
    "processor_checkpoint_conflicts",
    "Batches dropped because the checkpoint had moved.",
    ("topic",),
    unit="conflicts",
)
RETRIES: Final = Counter(
    "processor_retries", "Batches and openings tried again after a failure.", ("topic",), unit="retries"
)
GHOST_TOKENS: Final = Counter(
    "processor_ghost_tokens", "Inserts acknowledged of which nothing was there.", unit="tokens"
)

# --- where partitions are ---
LANES: Final = Gauge(
    "processor_assigned_partitions", "Partitions that this processor reads.", unit="partitions"
)
HALTED: Final = Gauge(
    "processor_halted_partitions",
    "Partitions that are stopped until a person has looked.",
    unit="partitions",
)
LAG: Final = Gauge(
    "processor_lag_records",
    "Offsets of the log that are not applied yet, of a partition that this processor reads.",
    ("topic", "partition"),
    unit="records",
)
AS_OF: Final = Gauge(
    "processor_as_of_timestamp_seconds",
    "Unix time up to which every event published to that partition is counted and reported; absent until it is known.",
    ("topic", "partition"),
    unit="seconds",
)
AUDIT_FINDINGS: Final = Gauge(
    "processor_audit_findings",
    "What the last audit in the background found; every one is logged.",
    ("check",),
    unit="findings",
)
