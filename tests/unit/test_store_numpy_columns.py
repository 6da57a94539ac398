import subprocess
import sys

import numpy as np
import pytest

from analytics.store.numpy_columns import import_without_pandas

CONNECT = """
import sys
from analytics.settings import Settings
from analytics.store.pool import Connection
Connection(Settings(), timeout_s=1, numpy=True)
"""


def run(code):
    subprocess.run([sys.executable, "-c", CONNECT + code], check=True, timeout=60)


def test_columns_need_no_pandas():
    run("assert not [name for name in sys.modules if name.startswith('pandas')]")


def test_who_imports_pandas_afterwards_gets_it():
    run("import pandas; assert pandas.Series([1]).sum() == 1")


def test_pandas_is_used_where_it_is_already():
    code = "import pandas; from clickhouse_driver.columns.numpy.base import pd; assert pd is pandas"
    subprocess.run([sys.executable, "-c", f"import pandas\n{CONNECT}{code}"], check=True, timeout=60)


@pytest.fixture
def pandas_of_the_driver():
    import_without_pandas()
    from clickhouse_driver.columns.numpy import base

    return base.pd


@pytest.mark.parametrize("column", [np.arange(3), np.array([b"", b"x", b"y"], object)])
def test_our_columns_have_no_nulls(pandas_of_the_driver, column):
    assert pandas_of_the_driver.isnull(column).tolist() == [False] * 3


def test_nothing_is_a_null(pandas_of_the_driver):
    assert pandas_of_the_driver.isnull(np.array([b"", None], object)).tolist() == [False, True]


def test_what_our_tables_do_not_have_is_refused_in_words():
    run(
        "from clickhouse_driver.columns.numpy.lowcardinalitycolumn import pd\n"
        "try: pd.factorize\n"
        "except AttributeError as error: assert 'pandas.factorize is not here' in str(error)\n"
        "else: raise AssertionError"
    )
