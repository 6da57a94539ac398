"""Ctrl-C ends what it is meant to end, though its first exception was swallowed."""

import os
import signal
import threading
from contextlib import suppress

import pytest

from analytics.cli.interrupts import insistent


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(5)


def swallow_one():
    with suppress(KeyboardInterrupt):
        interrupt()
    threading.Event().wait(5)


def test_an_interrupt_that_was_swallowed_comes_again():
    with pytest.raises(KeyboardInterrupt), insistent():
        swallow_one()


def test_behind_the_block_everything_is_as_before():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with suppress(KeyboardInterrupt), insistent():
        interrupt()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_in_another_thread_nothing_is_changed():
    """Only the main thread gets signals."""
    seen, before = [], signal.getsignal(signal.SIGINT)

    def work():
        with insistent():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
