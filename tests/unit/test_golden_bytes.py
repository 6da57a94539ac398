"""Bytes on the wire, derived by hand from the frozen contract: tag (field << 3 | type), length or varint."""

import pytest

from analytics import analytics_pb2 as pb

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
# 0x24 = 36 bytes of ASCII
ID_HEX = "24 3031383930613564 2d 61633936 2d 37373462 2d 62636365 2d 623330323039396138303537"

GOLDEN = {
    "GetUserAnalyticsRequest": (pb.GetUserAnalyticsRequest(user_id=ID), f"0a {ID_HEX}"),
    "GetUserAnalyticsResponse": (
        pb.GetUserAnalyticsResponse(
            total_workflows=3, total_jobs=300, total_joblogs=2**64 - 1, total_job_execution_duration=86400
        ),
        "08 03  10 ac02  18 ffffffffffffffffff01  20 80a305",
    ),
    "GetUserAnalyticsResponse, largest workflows": (
        pb.GetUserAnalyticsResponse(total_workflows=2**32 - 1),
        "08 ffffffff0f",
    ),
    "GetWorkflowAnalyticsRequest": (
        pb.GetWorkflowAnalyticsRequest(user_id=ID, workflow_id=ID),
        f"0a {ID_HEX} 12 {ID_HEX}",
    ),
    "GetWorkflowAnalyticsResponse": (
        pb.GetWorkflowAnalyticsResponse(
            workflow_id=ID, total_job_execution_duration=86400, total_jobs=300, total_joblogs=7
        ),
        f"0a {ID_HEX}  10 80a305  18 ac02  20 07",
    ),
    "zeros are left out": (pb.GetUserAnalyticsResponse(), ""),
}


@pytest.mark.parametrize(("message", "expected"), GOLDEN.values(), ids=GOLDEN.keys())
def test_written_bytes(message, expected):
    """A message is written as the other services read it."""
    assert message.SerializeToString().hex() == expected.replace(" ", "")


@pytest.mark.parametrize(("message", "wire"), GOLDEN.values(), ids=GOLDEN.keys())
def test_read_bytes(message, wire):
    """Bytes of the other services are read as they meant them."""
    assert type(message).FromString(bytes.fromhex(wire)) == message


def test_freshness_is_field_five():
    """Freshness travels in field 5, which no frozen message has."""
    answer = pb.GetUserAnalyticsResponse()
    answer.freshness.as_of_time.seconds = 1
    answer.freshness.age.seconds = 2
    answer.freshness.stale = True
    assert answer.SerializeToString().hex() == "2a0a" + "0a020801" + "12020802" + "1801"


def test_descriptor_keeps_its_file_name():
    """Reflection shows the file under the name that Chronoverse's stubs have."""
    assert pb.DESCRIPTOR.name == "analytics/analytics.proto"
    assert pb.DESCRIPTOR.package == "analytics"
