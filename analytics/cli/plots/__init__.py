"""A time series as a picture. `frame` says what is in it, `terminal` and `file` draw it."""
