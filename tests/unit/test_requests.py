import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.analytics_pb2 import GetUserAnalyticsRequest, GetWorkflowAnalyticsRequest
from analytics.errors import InvalidField
from analytics.requests import parse_user, parse_uuid, parse_workflow

PLAIN = "01890a5dac96774bbcceb302099a8057"
CANONICAL = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    "spelling",
    [
        CANONICAL,
        CANONICAL.upper(),
        PLAIN,
        "{" + CANONICAL + "}",
        "{" + PLAIN.upper() + "}",
        "0189-0a5d-ac96-774b-bcce-b302-099a-8057",
        "01890a5d-ac96774b-bcceb302-099a8057",
    ],
)
def test_spellings_of_postgres(spelling):
    """Every spelling that Postgres reads names the same user."""
    assert parse_user(GetUserAnalyticsRequest(user_id=spelling)) == uuid.UUID(CANONICAL)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is required"),
        ("none", "must be a UUID"),
        (CANONICAL[:-1], "must be a UUID"),
        (CANONICAL + "0", "must be a UUID"),
        (" " + CANONICAL, "must be a UUID"),
        (CANONICAL + "\n", "must be a UUID"),
        (CANONICAL + "\0", "must be a UUID"),
        ("{" + CANONICAL, "must be a UUID"),
        (CANONICAL + "}", "must be a UUID"),
        ("{}", "must be a UUID"),
        ("urn:uuid:" + CANONICAL, "must be a UUID"),
        (CANONICAL + "-", "must be a UUID"),
        ("01890a5d--ac96-774b-bcce-b302099a8057", "must be a UUID"),
        ("018-90a5dac96774bbcceb302099a8057", "must be a UUID"),
        ("٠" + CANONICAL[1:], "must be a UUID"),
        ("a" * 100_000, "must be a UUID"),
        ("00000000-0000-0000-0000-000000000000", "must not be the nil UUID"),
        ("{" + "0" * 32 + "}", "must not be the nil UUID"),
    ],
)
def test_refused_ids(text, rule):
    """What is no UUID, or the nil UUID, is refused with the field's name and the rule it breaks."""
    with pytest.raises(InvalidField) as caught:
        parse_user(GetUserAnalyticsRequest(user_id=text))
    assert (caught.value.field, caught.value.rule) == ("user_id", rule)


def test_workflow_field_is_named():
    """A bad workflow id beside a good user id is the workflow's fault."""
    with pytest.raises(InvalidField, match=r"^workflow_id: is required$"):
        parse_workflow(GetWorkflowAnalyticsRequest(user_id=CANONICAL))


@given(st.uuids(), st.sets(st.integers(1, 7)), st.booleans(), st.booleans())
def test_any_grouping_is_read(value, hyphens, upper, braces):
    """A hyphen may follow any group of four digits, in either case, in braces or without."""
    groups = [value.hex[i : i + 4] for i in range(0, 32, 4)]
    text = "".join(("-" if i in hyphens else "") + group for i, group in enumerate(groups))
    text = text.upper() if upper else text
    assert parse_uuid("{" + text + "}" if braces else text) == value


@given(st.text(max_size=50))
def test_any_text_is_judged(text):
    """Arbitrary text is either a UUID or refused; nothing else happens."""
    parsed = parse_uuid(text)
    assert parsed is None or parsed.hex == text.strip("{}").replace("-", "").lower()
