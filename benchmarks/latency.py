"""From an event to its answer, in a quiet system: `python -m benchmarks.latency`.

One event at a time is published as its producer would; from 30 ms after that on, the service is asked over gRPC
again and again until its answer has the event. So the time has everything in it: broker, fetch, decoding, both
indexes, the guarded insert and its read-back, the query, and half of the pause between two questions.
"""

import json
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final

import click
from confluent_kafka import Producer

from sandbox.directory import SandboxDirectory
from sandbox.stack import Stack, StackOptions
from sandbox.totals import Asker

_FIRST_AFTER_S: Final = 0.03  # asking before takes the cores from what is measured
_PAUSE_S: Final = 0.005
_GIVE_UP_S: Final = 10.0
_BETWEEN_S: Final = 1.0
_WARM_UP: Final = 5


@click.command()
@click.option("--events", default=60, show_default=True, type=click.IntRange(2), help="How many events.")
@click.option(
    "--json", "output", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here."
)
def main(events: int, output: Path | None) -> None:
    """Measure the time from an event to its answer."""
    with tempfile.TemporaryDirectory() as folder, SandboxDirectory(Path(folder) / "run").claim() as directory:
        stack = Stack(directory, StackOptions(), click.echo)
        try:
            stack.start()
            latencies_ms = _measure(stack, events)
        finally:
            stack.stop()
    figures = {
        "events": len(latencies_ms),
        "p10_ms": statistics.quantiles(latencies_ms, n=10)[0],  # far below p50: the machine is disturbed
        "p50_ms": statistics.median(latencies_ms),
        "p99_ms": statistics.quantiles(latencies_ms, n=100)[98],
        "max_ms": max(latencies_ms),
    }
    click.echo("event to answer: " + ", ".join(f"{name} {value:.1f}" for name, value in figures.items()))
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(figures, indent=1) + "\n")


def _measure(stack: Stack, events: int) -> list[float]:
    running = stack.running()
    asker = Asker(running.grpc, Path(running.keys.private))
    producer = Producer({"bootstrap.servers": running.kafka, "linger.ms": 0})
    user, workflow = str(uuid.uuid4()), str(uuid.uuid4())
    latencies_ms = []
    for number in range(1, _WARM_UP + events + 1):
        started = time.monotonic()
        producer.produce("analytics", _job(user, workflow), workflow, timestamp=time.time_ns() // 1_000_000)
        producer.flush()
        time.sleep(max(0.0, started + _FIRST_AFTER_S - time.monotonic()))
        while not _has(asker, user, number):
            if time.monotonic() - started > _GIVE_UP_S:
                raise click.ClickException(f"event {number} was not answered within {_GIVE_UP_S:g} s")
            time.sleep(_PAUSE_S)
        if number > _WARM_UP:
            latencies_ms.append((time.monotonic() - started) * 1000)
        time.sleep(_BETWEEN_S)
    asker.close()
    return latencies_ms


def _has(asker: Asker, user: str, jobs: int) -> bool:
    totals = asker.ask([user]).users.get(user)
    return totals is not None and totals.total_jobs >= jobs


def _job(user: str, workflow: str) -> bytes:
    event = {
        "EventKey": f"analytics:job:{uuid.uuid4()}:completed",
        "UserID": user,
        "WorkflowID": workflow,
        "EventType": "JOBS",
        "Data": {"job_execution_duration": 1},
    }
    return json.dumps(event).encode()


if __name__ == "__main__":
    main()
