import io
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.directory import Keys, Pids, Running
from sandbox.paste import commands_to_paste
from sandbox.screen import Screen, Totals, View, draw
from sandbox.totals import Answers, ExpectedTotals, UserTotals, WorkflowTotals

USER = "53f6ca8f-5a0b-424c-8498-ce3d1ff32533"
NEWCOMER = "01902724-2a80-7476-9cb4-74b62f92a0c7"
WORKFLOW = "01958513-7600-7671-b95b-58cd09f15784"
TRUTH = UserTotals(total_workflows=1, total_jobs=2, total_job_execution_duration=3456, total_joblogs=4)
EXPECTED = ExpectedTotals(
    users={USER: TRUTH},
    workflows=[
        WorkflowTotals(
            user_id=USER,
            workflow_id=WORKFLOW,
            total_jobs=2,
            total_job_execution_duration=3456,
            total_joblogs=4,
        )
    ],
)
RUNNING = Running(
    grpc="127.0.0.1:1",
    kafka="127.0.0.1:2",
    clickhouse="127.0.0.1:3",
    pids=Pids(supervisor=11, clickhouse=12, broker=13, service=14, processors=(15, 16)),
    keys=Keys(private="/k/auth.ed", public="/k/auth.ed.pub"),
    topics=("analytics",),
)


def drawn(answers):
    console = Console(file=io.StringIO(), width=120)
    totals = Totals(EXPECTED, answers, NEWCOMER, 2582)
    console.print(draw(View(RUNNING, (), totals, "Ctrl-C stops everything.")))
    return console.file.getvalue()


def row(text, word):
    (line,) = [line for line in text.splitlines() if word in line]
    return line.split()


def test_every_program_is_shown_with_its_address_and_pid():
    text = drawn(Answers())
    assert row(text, "service") == ["service", "(gRPC)", "127.0.0.1:1", "14", "running"]
    assert row(text, "processor-2") == ["processor-2", "16", "running"]


@pytest.mark.parametrize(
    ("found", "shown"),
    [(TRUTH, ["1", "2", "3,456", "4", "as", "expected"]), (None, ["-", "-", "-", "-", "counting"])],
)
def test_totals_are_compared_with_the_truth(found, shown):
    assert row(drawn(Answers({USER: found})), USER) == [USER, *shown]


def test_the_reason_for_no_answer_is_shown():
    assert "no answer: UNAVAILABLE" in drawn(Answers(problem="UNAVAILABLE: no ClickHouse"))


def test_a_command_is_printed_on_one_line_however_narrow_the_screen():
    console = Console(file=io.StringIO(), width=40)
    commands = commands_to_paste("127.0.0.1:1", Path("run"), EXPECTED)
    for command in commands:
        Screen(console).line(command)
    assert console.file.getvalue().splitlines() == commands


def test_a_command_is_one_call_of_grpcurl_with_a_fresh_token():
    words = shlex.split(commands_to_paste("127.0.0.1:1", Path("run"), EXPECTED)[1])
    assert words[0] == "grpcurl"
    assert words[-4:] == [
        "-d",
        f'{{"user_id":"{USER}","workflow_id":"{WORKFLOW}"}}',
        "127.0.0.1:1",
        "analytics.AnalyticsService/GetWorkflowAnalytics",
    ]
    (header,) = [word for word in words if word.startswith("authorization: Bearer $(")]
    assert header.endswith(f"chronoverse-sandbox token {USER} --data run)")
