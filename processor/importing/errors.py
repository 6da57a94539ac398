"""What stops an import."""

from analytics.errors import Stop


class NotImportable(Stop):
    """What is there cannot be imported, or not into this database, and a person must look."""
