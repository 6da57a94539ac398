"""Programs that measure: each one prints a table and writes one JSON file."""
