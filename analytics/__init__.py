"""The analytics service of Chronoverse, and what it shares with the processor: store, settings, errors, stubs."""
