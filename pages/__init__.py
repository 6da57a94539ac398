"""Pages of docs/ that are read from the code. `make docs` writes them; a test says when one is stale."""
