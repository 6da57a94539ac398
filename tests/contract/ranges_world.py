"""Users with jobs at a time that the tests of ranges agree on, and their numbers."""

from uuid import uuid4

from tests.insights_calls import numbers_of, span
from tests.insights_histories import seconds_at
from tests.insights_world import FLOWS, Flow, records_of

HOUR_S, DAY_S = 3_600, 86_400
AT_S = seconds_at("2026-02-02T00:00+00:00")


def counted(insights, jobs, **flow):
    """A new user with one workflow, built a day before, and these jobs of it."""
    user = uuid4()
    flows = [Flow(**{"workflow": FLOWS[0], "built_s": AT_S - DAY_S, "user": user} | flow)]
    insights.count(records_of(flows, [job._replace(user=user) for job in jobs]))
    return user


def numbers(insights, user, start_s, end_s, **fields):
    return numbers_of(insights.summary(user, range=span(start_s, end_s), **fields).summary.numbers)
