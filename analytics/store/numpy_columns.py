"""The driver's numpy columns without pandas, which they import for what our tables do not have.

Nullable and low-cardinality columns, and times as objects, are all that pandas does there; importing it takes 78 MB and
more than half of the time in which a processor starts. So `import_without_pandas` imports them beside a stand-in, which
answers what is asked of plain columns, says what is missing for anything else, and is gone afterwards: who imports
pandas later gets pandas.
"""

import importlib
import sys
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_MODULES: Final = (
    "clickhouse_driver.numpy.block",
    "clickhouse_driver.numpy.helpers",
    "clickhouse_driver.numpy.result",
    "clickhouse_driver.columns.numpy.service",
)


class _Nothing:
    """In place of a class of pandas: nothing is an instance of it."""


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{self.__name__}.{name} is not here: columns of this type are not for this program"
        )


def import_without_pandas() -> None:
    """Import what the driver needs for `use_numpy`. For one thread, before other threads import pandas."""
    before = {name: sys.modules.get(name) for name in _stand_ins()}
    if before["pandas"] is not None:
        return
    sys.modules.update(_stand_ins())
    try:
        for name in _MODULES:
            importlib.import_module(name)
    finally:
        for name in before:
            del sys.modules[name]


def _stand_ins() -> dict[str, ModuleType]:
    pandas = _module("pandas", isnull=_are_null, Categorical=_Nothing, DatetimeIndex=_Nothing)
    return {
        "pandas": pandas,
        "pandas.api": _module("pandas.api"),
        "pandas.api.types": _module("pandas.api.types", union_categoricals=None),
        "pandas.core": _module("pandas.core"),
        "pandas.core.arrays": _module("pandas.core.arrays", ExtensionArray=_Nothing),
    }


def _module(name: str, **content: object) -> ModuleType:
    module = _StandIn(name)
    module.__dict__.update(content, __path__=[])
    return module


def _are_null(items: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """As `pandas.isnull`, but that NaN among objects is none."""
    if items.dtype == object:
        return np.asarray(items == None, bool)  # noqa: E711 -- of each item
    return np.isnan(items) if items.dtype.kind == "f" else np.zeros(len(items), bool)
