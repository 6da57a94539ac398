"""What tests of outages share: events that keep coming, and what a processor says meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from tests.eventually import eventually
from tests.faults.log import some_events


@contextmanager
def streaming(world) -> Iterator[None]:
    """Events are published all the time; while no broker takes them they wait in their producer."""
    ended = threading.Event()

    def publish() -> None:
        for first in count(0, 40):
            world.publish(some_events(first, 50))  # every fifth of them once more
            if ended.wait(0.3):  # so often that on a busy machine a batch is always under way
                return

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        world.await_applied(200)
        yield
        world.await_applied(world.applied() + 200)
    finally:
        ended.set()
        thread.join()


def await_logged(worker, *words, times=1):
    """Return when so many lines that have all these words are new in the log."""
    start = len(worker.log_text)

    def found():
        lines = worker.log_text[start:].splitlines()
        hits = [line for line in lines if all(word in line for word in words)]
        return len(hits) >= times

    eventually(found, within_s=60)
