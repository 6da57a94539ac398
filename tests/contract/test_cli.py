"""The commands against the real service on a socket: numbers, exit codes, and the life of `watch`."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from analytics.__main__ import main
from analytics.analytics_pb2 import DESCRIPTOR
from analytics.errors import Overloaded
from analytics.model import Totals, WorkflowKey
from sandbox.ports import free_port
from tests.authority import Authority
from tests.client_world import FailsAtFirst, known, service
from tests.grpc_world import STRANGER, USER, WORKFLOW, FailingLookups, token

SERVICE = DESCRIPTOR.services_by_name["AnalyticsService"]


@pytest.fixture(scope="module")
def address():
    with service(known(), as_of_ms=time.time_ns() // 1_000_000) as listening:
        yield listening


def run(address, *arguments, bearer=None, **environment):
    bearer = token() if bearer is None else bearer
    variables = {"ANALYTICS_ADDRESS": address, "ANALYTICS_TOKEN": bearer, "ANALYTICS_TOKEN_FILE": None}
    return CliRunner(env=variables | environment).invoke(main, [str(one) for one in arguments])


def objects(told):
    assert told.exit_code == 0, told.output
    return [json.loads(line) for line in told.stdout.splitlines()]


# --- user and workflow ---


def test_a_user_in_words(address):
    told = run(address, "user", USER)
    assert told.exit_code == 0
    assert ["jobs", "30"] in [line.split() for line in told.stdout.splitlines()]
    assert "execution   1 d (86,400 s)" in told.stdout


def test_the_users_own_totals_need_no_id(address):
    (found,) = objects(run(address, "user", "--json"))
    assert (found["user_id"], found["total_jobs"]) == (str(USER), 30)


def test_a_user_in_json(address):
    (found,) = objects(run(address, "user", USER, "--json"))
    assert (found["total_workflows"], found["total_joblogs"]) == (2, 1000)
    assert found["total_job_execution_duration"] == 86_400
    assert not found["stale"]


def test_a_workflow_in_json(address):
    (found,) = objects(run(address, "workflow", WORKFLOW.hex.upper(), "--json"))
    assert (found["workflow_id"], found["total_jobs"], found["total_workflows"]) == (str(WORKFLOW), 12, None)


def test_an_admin_reads_anybody(address):
    admin = token("internal/me", role="admin")
    (found,) = objects(run(address, "workflow", WORKFLOW, "--user", USER, "--json", bearer=admin))
    assert found["total_jobs"] == 12


def test_the_totals_have_the_names_of_the_contract(address):
    """A script may go from grpcurl to this program and back."""
    (found,) = objects(run(address, "user", "--json"))
    for method in (SERVICE.methods_by_name[f"Get{name}Analytics"] for name in ("User", "Workflow")):
        totals = {field.name for field in method.output_type.fields if field.name.startswith("total_")}
        assert totals <= set(found)


@pytest.mark.parametrize(
    ("arguments", "bearer", "code", "said"),
    [
        (("user", "none"), None, 2, "user_id: must be a UUID (INVALID_FIELD)"),
        (("workflow", "none"), None, 2, "workflow_id: must be a UUID (INVALID_FIELD)"),
        (("workflow", STRANGER), None, 66, "no analytics for this user or workflow (NO_ANALYTICS)"),
        (
            ("user", STRANGER),
            None,
            77,
            "the token does not allow to read this user's data (PERMISSION_DENIED)",
        ),
        (("user", USER), token(exp=1), 77, "the token has expired (INVALID_TOKEN)"),
        (
            ("user", USER),
            "",
            77,
            "metadata authorization is required (MISSING_CREDENTIALS). Set ANALYTICS_TOKEN_FILE or ANALYTICS_TOKEN",
        ),
    ],
    ids=["user id", "workflow id", "not found", "another user", "expired", "no token"],
)
def test_refusals_in_the_words_of_the_service(address, arguments, bearer, code, said):
    told = run(address, *arguments, "--json", bearer=bearer)
    assert (told.exit_code, told.stderr, told.stdout) == (code, f"Error: {said}\n", "")


def test_nobody_at_the_address():
    told = run(f"127.0.0.1:{free_port()}", "user")
    assert told.exit_code == 1
    assert told.stderr.startswith("Error: no answer from 127.0.0.1:")
    assert "(UNAVAILABLE)" in told.stderr


def test_a_fault_of_the_service():
    with service(FailingLookups(ZeroDivisionError())) as address:
        told = run(address, "user")
    assert (told.exit_code, "(INTERNAL)" in told.stderr) == (70, True)


def test_a_token_file_wins_over_a_token_of_the_environment(address, tmp_path):
    file = tmp_path / "token"
    file.write_text(token() + "\n")
    assert run(address, "user", "--token-file", file, bearer="garbage").exit_code == 0


def test_a_token_of_the_command_line_wins_over_a_file_of_the_environment(address):
    told = run(address, "user", "--token", token(), ANALYTICS_TOKEN_FILE="nowhere")
    assert told.exit_code == 0


@pytest.mark.parametrize("arguments", [(), ("--tls",)], ids=["by its files", "by name"])
def test_tls(tmp_path, arguments):
    authority = Authority(tmp_path, "chronoverse")
    (crt, pem), (ours, key) = authority.issue("analytics"), authority.issue("us")
    server = {"grpc_tls_cert_file": crt, "grpc_tls_key_file": pem, "grpc_tls_ca_file": authority.file}
    files = {"CA": authority.file, "CERT": ours, "KEY": key}
    environment = {f"ANALYTICS_TLS_{name}_FILE": str(path) for name, path in files.items()}
    with service(known(), grpc_host="localhost", grpc_tls_enabled=True, **server) as address:
        told = run(address.replace("127.0.0.1", "localhost"), "user", *arguments, **environment)
    assert told.exit_code == 0, told.stderr


# --- watch: of one user it streams, see tests/unit/test_cli_watch.py ---


def test_watch_asks_for_each_target_in_each_round(address):
    found = objects(
        run(address, "watch", USER, f"{USER}/{WORKFLOW}", "--json", "--count", 2, "--interval", "1ms")
    )
    assert [(one["workflow_id"], one["total_jobs"]) for one in found] == [(None, 30), (str(WORKFLOW), 12)] * 2
    assert found[0]["asked_at"] < found[2]["asked_at"]


def test_watch_in_words_shows_changes():
    lookups = known()
    with service(lookups) as address:
        told = run(address, "watch", f"/{WORKFLOW}", "--count", 2, "--interval", "1ms")
    first, second = told.stdout.splitlines()
    assert "jobs 12  " in first
    assert "jobs 12 (+0.0/s)" in second


def test_in_a_terminal_watch_draws_a_table(address):
    told = run(address, "watch", f"/{WORKFLOW}", "--count", 1, FORCE_COLOR="1", COLUMNS="120")
    assert told.exit_code == 0
    assert str(WORKFLOW) in told.stdout
    assert "Ctrl-C ends" in told.stdout


def test_watch_waits_for_a_service_that_cannot_answer_now():
    """Five failures: one round with its three retries, and the begin of the next."""
    with service(FailsAtFirst(*[Overloaded("too many", retry_after_s=1)] * 5)) as address:
        first, second = objects(
            run(address, "watch", f"/{WORKFLOW}", "--json", "--count", 2, "--interval", "1ms")
        )
    assert first["error"]["reason"] == "OVERLOADED"
    assert second["total_jobs"] == 0


def test_watch_waits_for_what_is_not_counted_yet(address):
    (found,) = objects(run(address, "watch", f"/{STRANGER}", "--json", "--count", 1))
    assert found["error"]["code"] == "NOT_FOUND"


def test_watch_ends_where_waiting_does_not_help(address):
    told = run(address, "watch", f"{STRANGER}/{WORKFLOW}")
    assert (told.exit_code, "(PERMISSION_DENIED)" in told.stderr) == (77, True)


def test_ctrl_c_ends_watch_with_0():
    lookups = known()
    lookups.workflows[WorkflowKey(USER, WORKFLOW)] = Totals(jobs=7)
    with service(lookups) as address:
        environment = os.environ | {"ANALYTICS_ADDRESS": address, "ANALYTICS_TOKEN": token()}
        command = [sys.executable, "-m", "analytics", "watch", f"/{WORKFLOW}", "--interval", "10ms"]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as program:
            assert "jobs 7" in program.stdout.readline()
            program.send_signal(signal.SIGINT)
            _, said = program.communicate(timeout=10)
    assert (program.returncode, said) == (0, "")
