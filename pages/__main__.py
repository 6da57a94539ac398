"""Write every generated page: `python -m pages`."""

from pages.written import PAGES


def main() -> None:
    """Write them."""
    for path, text in PAGES.items():
        path.write_text(text())


if __name__ == "__main__":
    main()
