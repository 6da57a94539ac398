"""The pool of connections to ClickHouse."""

import pytest
from clickhouse_driver.columns.datecolumn import DateColumn

from analytics.errors import StoreUnavailable
from analytics.settings import Settings
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
