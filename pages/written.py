"""Which pages there are, and what is in them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pages.metrics import metrics_page
from pages.settings import settings_page

ROOT: Final = Path(__file__).parents[1]

PAGES: Final[Mapping[Path, Callable[[], str]]] = {
    ROOT / "docs" / "metrics.md": metrics_page,
    ROOT / "docs" / "settings.md": lambda: settings_page((ROOT / "README.md").read_text()),
}
