"""From the bytes of records to columns of events: pure, and the only place that knows Chronoverse's JSON."""
