"""A row of `watch` as one line, for what is no terminal. Pure."""

import json

from analytics.cli import words
from analytics.cli.objects import problem_object, rfc3339, totals_object
from analytics.cli.samples import Row
from analytics.cli.subjects import Subject
from analytics.client import UserAnalytics


def json_line(row: Row) -> str:
    """Return the JSON object of the row's totals, or of the error in their place."""
    sample = row.sample
    if sample.found is not None:
        return json.dumps(totals_object(row.subject, sample.found, sample.asked_at))
    assert sample.error is not None, "a sample has an answer or an error"
    return json.dumps(problem_object(row.subject, sample.error, sample.asked_at))


def plain_line(row: Row) -> str:
    """Return the row in words: when, who, the totals with their changes per second, how old they are."""
    parts = [rfc3339(row.sample.asked_at), _who(row.subject)]
    if row.problem or row.found is None:
        return "  ".join([*parts, row.problem])
    found, (workflows, jobs, execution, log_lines) = row.found, row.changes()
    if isinstance(found, UserAnalytics):
        parts.append(_number("workflows", words.count(found.workflows), workflows))
    parts += [
        _number("jobs", words.count(found.jobs), jobs),
        _number("execution", words.duration(found.execution_seconds), execution),
        _number("log lines", words.count(found.log_lines), log_lines),
        words.freshness(found.freshness),
    ]
    return "  ".join(parts)


def _who(subject: Subject) -> str:
    return f"user {subject.user_id}" if subject.workflow_id is None else f"workflow {subject.workflow_id}"


def _number(name: str, total: str, change: str) -> str:
    return f"{name} {total} ({change})" if change else f"{name} {total}"
