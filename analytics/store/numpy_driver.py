"""The numpy columns of ClickHouse's driver, loaded without pandas.

The driver imports pandas beside numpy for columns that we do not have (categories, nullable ones, times as its indexes):
0.4 s and 66 MB of every program that has a connection with numpy. Whatever would really need it fails with AttributeError.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_PARTS: Final = (
    "clickhouse_driver.numpy.result",
    "clickhouse_driver.numpy.helpers",
    "clickhouse_driver.numpy.block",
    "clickhouse_driver.columns.numpy.service",
)
_TYPES: Final = {
    "pandas": ("DatetimeIndex", "Categorical"),
    "pandas.core": (),
    "pandas.core.arrays": ("ExtensionArray",),
    "pandas.api": (),
    "pandas.api.types": ("union_categoricals",),
}
"""What the driver asks of pandas when it is loaded, or of a value: whether it is one of these."""


def load() -> None:
    """Load the numpy part of the driver; nothing happens the second time, or where pandas is loaded anyway."""
    if _PARTS[0] in sys.modules or "pandas" in sys.modules:
        return
    stand_ins = {name: _stand_in(name, types) for name, types in _TYPES.items()}
    stand_ins["pandas"].isnull = is_null  # type: ignore[attr-defined] # the driver asks it of every column that it sends
    sys.modules.update(stand_ins)
    try:
        for part in _PARTS:
            import_module(part)
    finally:
        for name in stand_ins:
            del sys.modules[name]  # whoever wants the real one gets it


def is_null(items: Any) -> NDArray[np.bool_]:
    """Return for each item whether it is None, NaN or NaT, as pandas.isnull does for one dimension."""
    if isinstance(items, np.ndarray) and items.dtype.kind in "biuUS":
        return np.zeros(len(items), dtype=bool)
    return np.array([one is None or one != one for one in items], dtype=bool)


def _stand_in(name: str, types: tuple[str, ...]) -> ModuleType:
    """Return a module with types that no value has."""
    module = ModuleType(name)
    for one in types:
        setattr(module, one, type(one, (), {}))
    return module
