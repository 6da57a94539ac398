"""Page tokens: whose they are, and what is refused."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.errors import InvalidField
from analytics.insights.page_tokens import Token, parse_token, request_digest, token_text
from analytics.insights_pb2 import ListAnomaliesRequest, ListWorkflowAnalyticsRequest, WorkflowFilter

USER, OTHER = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
REQUEST = ListWorkflowAnalyticsRequest(user_id=USER, order_by="p95 desc")
DIGEST = request_digest(REQUEST)
TOKEN = Token(DIGEST, 900, 1_800, False, 12.5, USER)


def refusal(text, digest=DIGEST):
    with pytest.raises(InvalidField) as caught:
        parse_token(text, digest)
    assert caught.value.field == "page_token"
    return caught.value.rule


def forged(**changes):
    """A token as text, with other values than it may have."""
    values = TOKEN._asdict() | changes
    return base64.urlsafe_b64encode(json.dumps(list(values.values())).encode()).decode()


@given(
    st.builds(
        Token,
        st.just(DIGEST),
        st.integers(0, 2**31),
        st.integers(2**31, 2**32),
        st.booleans(),
        st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**63),
        st.text(max_size=50),
    )
)
def test_a_token_comes_back_as_it_was(token):
    assert parse_token(token_text(token), DIGEST) == token


def test_no_token_is_the_first_page():
    assert parse_token("", DIGEST) is None


def test_what_is_forged_with_care_is_read_as_written():
    """The forger below is no fake: only what is wrong in a token makes it refused."""
    assert parse_token(forged(), DIGEST) == TOKEN


@pytest.mark.parametrize("length", [1, 4, 40, len(token_text(TOKEN)) - 4])
def test_a_truncated_token_is_refused(length):
    assert "answer before" in refusal(token_text(TOKEN)[:length])


@pytest.mark.parametrize(
    "text", ["a", "!!!!", "e30=", "bnVsbA==", "W10=", "ä", "\0", " ", "A" * 100_000, "W" * 1_024]
)
def test_what_is_no_token_is_refused(text):
    assert "answer before" in refusal(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"start_s": -900},
        {"start_s": 2_700},
        {"end_s": 2**70},
        {"end_s": 2**32 + 1},
        {"start_s": "0"},
        {"value": "1) OR (1"},
        {"row": None},
        {"is_all_time": 1},
    ],
)
def test_a_forged_token_is_refused(changes):
    assert "answer before" in refusal(forged(**changes))


def with_changes(**changes):
    request = ListWorkflowAnalyticsRequest()
    request.CopyFrom(REQUEST)
    for name, value in changes.items():
        request.ClearField(name)
        request.MergeFrom(ListWorkflowAnalyticsRequest(**{name: value}))
    return request_digest(request)


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": OTHER},
        {"order_by": "p95"},
        {"percentile_ranks": [50.0]},
        {"filter": WorkflowFilter(kinds=["CONTAINER"])},
    ],
    ids=["user", "order", "ranks", "filter"],
)
def test_a_token_of_another_request_is_refused(changes):
    assert "another request" in refusal(token_text(TOKEN), with_changes(**changes))


def test_the_size_of_pages_may_change_and_the_token_does():
    assert with_changes(page_size=7, page_token="x") == DIGEST


def test_a_token_of_another_method_is_refused():
    assert "another request" in refusal(token_text(TOKEN), request_digest(ListAnomaliesRequest(user_id=USER)))
