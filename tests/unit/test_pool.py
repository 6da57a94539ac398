"""The pool of connections to ClickHouse."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from clickhouse_driver.columns.datecolumn import DateColumn

from analytics.errors import StoreUnavailable
from analytics.settings import Settings
from analytics.store.numpy_driver import is_null
from analytics.store.pool import Pool


def test_a_closed_pool_refuses_at_once():
    """A thread that goes on would otherwise hold up the end of the program for as long as it may wait."""
    pool = Pool(Settings(), size=1, timeout_s=1)
    pool.close()
    with pytest.raises(StoreUnavailable, match="ends"), pool.lend(60):
        pass


def test_the_driver_has_made_no_table_of_all_dates():
    """There are 146,000 of them."""
    assert len(DateColumn.date_lut) < 1_000


def test_a_connection_with_numpy_loads_no_pandas_and_leaves_the_real_one_to_others():
    program = (
        "import sys; from analytics.settings import Settings; from analytics.store.pool import Connection; "
        "Connection(Settings(), timeout_s=1, numpy=True); print('pandas' in sys.modules); "
        "import pandas; print(len(pandas.DataFrame({'a': [1, 2]})))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert told.stdout == "False\n2\n", told.stderr


@pytest.mark.parametrize(
    "items",
    [
        np.array([0, 1], dtype=np.uint64),
        np.array([True, False]),
        np.array([0.0, np.nan]),
        np.array(["", "a"]),
        np.array([b"", b"a"]),
        np.array(["NaT", "2026-03-01"], dtype="datetime64[ms]"),
        np.array([None, "", np.nan, 0], dtype=object),
        np.array([], dtype=object),
        [None, "a"],
    ],
)
def test_what_is_null_to_pandas_is_null_without_it(items):
    assert is_null(items).tolist() == pd.isnull(items).tolist()
