from pathlib import Path

import pytest
from google.rpc import error_details_pb2
from grpc import StatusCode

from analytics import errors
from analytics.verdicts import VERDICTS, status_of, verdict_on


def leaves(kind):
    """The errors of the service; the processor has some more of its own."""
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


@pytest.mark.parametrize("kind", leaves(errors.Retryable) + leaves(errors.CallerError))
def test_every_error_of_a_caller_is_listed(kind):
    """No error that a call can meet falls through to INTERNAL."""
    assert kind in VERDICTS


def test_out_of_range_is_never_used():
    """The HTTP gateway would turn OUT_OF_RANGE into a 500."""
    assert StatusCode.OUT_OF_RANGE not in {verdict.code for verdict in VERDICTS.values()}


@pytest.mark.parametrize(
    "error", [errors.StoreUnavailable("10.0.0.7"), errors.StoreTimeout("10.0.0.7"), KeyError("10.0.0.7")]
)
def test_inner_words_stay_inside(error):
    """What happened inside is for the log, not for the caller."""
    assert "10.0.0.7" not in status_of(error).details


def test_unknown_error_is_internal():
    """An error that nobody foresaw is INTERNAL."""
    assert verdict_on(ZeroDivisionError()).code is StatusCode.INTERNAL


def test_reasons_are_upper_snake():
    """Each reason has its own name, in UPPER_SNAKE."""
    reasons = [verdict.reason for verdict in VERDICTS.values()]
    assert len(set(reasons)) == len(reasons)
    assert all(reason.replace("_", "").isalpha() and reason.isupper() for reason in reasons)


def test_reasons_are_documented():
    """Every reason and code stands in the contract's own table."""
    contract = (Path(__file__).parents[2] / "proto/analytics/analytics.proto").read_text()
    for code, reason, _ in VERDICTS.values():
        assert any(
            line.split()[1:3] == [code.name, reason]
            for line in contract.splitlines()
            if line.startswith("//   ")
        )


def test_bad_request_is_packed():
    """An invalid field carries a BadRequest besides its ErrorInfo."""
    (_, packed) = status_of(errors.InvalidField("user_id", "is required")).trailing_metadata[0]
    assert b"google.rpc.BadRequest" in packed
    assert error_details_pb2.ErrorInfo.DESCRIPTOR.full_name.encode() in packed
