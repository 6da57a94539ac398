"""Every metric of the processor. Labels hold names from fixed sets only, never an id or text of a record."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RECORDS: Final = (1, 10, 100, 1_000, 10_000, 30_000, 60_000, 100_000)

RECORDS: Final = Counter("processor_records", "Records applied.", ("topic",))
SKIPPED: Final = Counter(
    "processor_skipped", "Records of a known form that add nothing, by why.", ("topic", "why")
)
REPEATS: Final = Counter(
    "processor_repeats", "Events that came before and were not counted again.", ("topic",)
)
DEAD_LETTERS: Final = Counter("processor_dead_letters", "Malformed records parked.", ("topic", "reason"))
GAPS: Final = Counter("processor_gap_offsets", "Offsets of the log that held no record.", ("topic",))
BATCH_RECORDS: Final = Histogram(
    "processor_batch_records", "Records of a batch.", ("topic",), buckets=_RECORDS
)
APPLY_SECONDS: Final = Histogram(
    "processor_apply_seconds", "Time from a batch to its checkpoint read back.", ("topic",), buckets=_SECONDS
)
CONFLICTS: Final = Counter(
    "processor_conflicts", "Batches dropped because the checkpoint had moved.", ("topic",)
)
RETRIES: Final = Counter("processor_retries", "Batches tried again after a failure.", ("topic",))
GHOST_TOKENS: Final = Counter("processor_ghost_tokens", "Inserts acknowledged of which nothing was there.")
HALTED: Final = Gauge("processor_halted_partitions", "Partitions that are stopped until a person has looked.")
LANES: Final = Gauge("processor_assigned_partitions", "Partitions that this processor reads.")
AUDIT_FINDINGS: Final = Gauge(
    "processor_audit_findings",
    "What the last audit in the background found; every one is logged.",
    ("check",),
)
