"""docs/settings.md: the settings as the code reads them, with what the README says they mean."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic.fields import FieldInfo

from analytics.settings import ServiceSettings, Settings, parse_go_duration_s
from analytics.store.users import UserSettings
from processor.importing.settings import ImportSettings
from processor.settings import ProcessorSettings

_HEAD: Final = """\
# Settings

Written by `make docs` from `analytics/settings.py` and `processor/settings.py`, with the meanings of the
[README](../README.md#settings): change those, never this page.

All are environment variables, read once at the start; all mistakes are reported at once, with exit code 78. An empty default
means: not set. A duration is written as in Go (`500ms`, `15m`, `336h`) and is more than zero. OpenTelemetry reads more
variables (`OTEL_…`) by itself: see [operations](operations.md#traces).
"""

_TYPES: Final = {"boolean": "`true` or `false`", "integer": "number", "number": "number", "string": "text"}
_FORMATS: Final = {"path": "file", "password": "secret text"}
_BOUNDS: Final = {"minimum": "from {:,.12g}", "exclusiveMinimum": "above {:,.12g}", "maximum": "to {:,.12g}"}
_UNITS: Final = {
    "_BYTES": "bytes",
    "_RECORDS": "records",
    "_SHARE": "share of all",
    "_WINDOW": "tokens",
    "_POOL_SIZE": "connections",
    "_WAITING": "callers",
    "_WORKERS": "threads",
}


def settings_page(readme: str) -> str:
    """Return the page. Raises KeyError for a setting that the README does not have."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| *(.*?) *\| *(.*?) *\|$", readme, re.MULTILINE)
    explained = {name: (default, meaning) for name, default, meaning in rows}
    common = Settings.model_fields.keys()
    return _HEAD + "".join(
        (
            _section("Both programs", Settings, common, explained),
            _section("Service", ServiceSettings, ServiceSettings.model_fields.keys() - common, explained),
            _section(
                "Processor", ProcessorSettings, ProcessorSettings.model_fields.keys() - common, explained
            ),
            _section(
                "Import",
                ImportSettings,
                ImportSettings.model_fields.keys() - ProcessorSettings.model_fields.keys(),
                explained,
            ),
            _section(
                "Users of ClickHouse", UserSettings, UserSettings.model_fields.keys() - common, explained
            ),
        )
    )


def _section(
    title: str, kind: type[Settings], names: Iterable[str], explained: Mapping[str, tuple[str, str]]
) -> str:
    schema, wanted = kind.model_json_schema()["properties"], set(names)
    rows = []
    for name, field in kind.model_fields.items():
        if name in wanted:
            default, meaning = explained[name.upper()]
            form = "duration" if _is_duration(field) else _form(name.upper(), schema[name])
            rows.append(f"| `{name.upper()}` | {default} | {form} | {meaning} |\n")
    head = f"\n## {title}\n\n| variable | default | form and unit | meaning |\n|---|---|---|---|\n"
    return head + "".join(rows)


def _is_duration(field: FieldInfo) -> bool:
    return any(getattr(one, "func", None) is parse_go_duration_s for one in field.metadata)


def _form(name: str, schema: Mapping[str, Any]) -> str:
    """Return how a value is written, in what unit, within what bounds."""
    schema = next((one for one in schema.get("anyOf", ()) if one["type"] != "null"), schema)
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if schema["type"] == "array":
        return "list, separated by commas"
    words = [_FORMATS.get(schema.get("format", "")) or _TYPES[schema["type"]]]
    words += [unit for end, unit in _UNITS.items() if name.endswith(end)]
    bounds = " ".join(text.format(schema[bound]) for bound, text in _BOUNDS.items() if bound in schema)
    return ", ".join([*words, *filter(None, [bounds])])
