"""Chronoverse's gateway, with its retries, and a service that is disturbed."""

import asyncio
from collections import Counter

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc import StatusCode, aio
from grpc_status import rpc_status

from analytics.errors import Overloaded, StoreTimeout, StoreUnavailable
from tests.gateway import Gateway
from tests.grpc_world import (
    STRANGER,
    USER,
    USER_TOTALS,
    WORKFLOW,
    WORKFLOW_TOTALS,
    FakeLookups,
    reason_of,
    serving,
)


class DisturbedLookups(FakeLookups):
    """A store that fails with these errors first, one a lookup."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.users, self.workflows = {USER: USER_TOTALS}, {(USER, WORKFLOW): WORKFLOW_TOTALS}
        self.asked, self._errors = 0, list(errors)

    async def totals(self, key, *, within_s):
        self.asked += 1
        if self._errors:
            raise self._errors.pop(0)
        return await super().totals(key, within_s=within_s)


def overloaded() -> Overloaded:
    return Overloaded("too many requests wait for the database", retry_after_s=0.25)


async def test_what_the_gateway_asks_is_answered(address):
    """On the fake store and on ClickHouse."""
    async with Gateway([address]) as gateway:
        assert (await gateway.user(USER)).total_jobs == USER_TOTALS.jobs
        assert (await gateway.workflow(USER, WORKFLOW)).total_jobs == WORKFLOW_TOTALS.jobs


async def test_a_disturbance_that_passes_is_not_noticed():
    """Both codes are retried, and asking again changes nothing."""
    store = DisturbedLookups(StoreUnavailable("away"), overloaded())
    async with serving(store) as address, Gateway([address]) as gateway:
        assert (await gateway.user(USER)).total_jobs == USER_TOTALS.jobs
        assert gateway.codes == [StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED, StatusCode.OK]
        assert (await gateway.user(USER)).total_jobs == USER_TOTALS.jobs


async def test_an_overload_says_when_to_come_again():
    async with (
        serving(DisturbedLookups(*(overloaded() for _ in range(3)))) as address,
        Gateway([address]) as gateway,
    ):
        with pytest.raises(aio.AioRpcError) as caught:
            await gateway.user(USER)
    assert (caught.value.code(), reason_of(caught.value)) == (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in rpc_status.from_call(caught.value).details)
    assert retry.retry_delay == Duration(nanos=250_000_000)
    assert dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"] == "250"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreTimeout("slow"), StatusCode.DEADLINE_EXCEEDED),
        (ZeroDivisionError("a fault of ours"), StatusCode.INTERNAL),
    ],
)
async def test_what_would_not_pass_is_asked_once(error, code):
    store = DisturbedLookups(error)
    async with serving(store) as address, Gateway([address]) as gateway:
        with pytest.raises(aio.AioRpcError):
            await gateway.user(USER)
    assert (gateway.codes, store.asked) == ([code], 1)


async def test_another_users_numbers_are_refused_once():
    store = DisturbedLookups()
    async with serving(store) as address, Gateway([address]) as gateway:
        with pytest.raises(aio.AioRpcError):
            await gateway.user(STRANGER)
        assert gateway.codes == [StatusCode.NOT_FOUND]
        assert store.asked == 1


async def test_calls_are_spread_over_servers_and_one_may_go():
    """Round-robin; when a server is stopped, its calls go to the other one."""
    stores = DisturbedLookups(), DisturbedLookups()
    async with serving(stores[0]) as stays:
        async with serving(stores[1]) as goes, Gateway([stays, goes]) as gateway:
            while not all(store.asked for store in stores):
                await gateway.user(USER)
            before = Counter({number: store.asked for number, store in enumerate(stores)})
            await asyncio.gather(*(gateway.user(USER) for _ in range(20)))
            asked = Counter({number: store.asked for number, store in enumerate(stores)}) - before
            assert asked == {0: 10, 1: 10}
        async with Gateway([stays, goes]) as gateway:
            answers = await asyncio.gather(*(gateway.user(USER) for _ in range(20)))
    assert {answer.total_jobs for answer in answers} == {USER_TOTALS.jobs}
