import pytest

from sandbox.directory import Keys, Pids, Running, SandboxDirectory
from sandbox.errors import DirectoryRefused

RUNNING = Running(
    grpc="127.0.0.1:1",
    kafka="127.0.0.1:2",
    clickhouse="127.0.0.1:3",
    pids=Pids(supervisor=1, clickhouse=2, broker=3, service=4, processors=(5, 6)),
    keys=Keys(private="/k/auth.ed", public="/k/auth.ed.pub"),
    topics=("analytics",),
)


def test_a_foreign_directory_is_refused_and_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(DirectoryRefused, match="not empty"), SandboxDirectory(tmp_path).claim():
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_former_run_is_deleted(tmp_path):
    directory = SandboxDirectory(tmp_path / "run")
    with directory.claim():
        (directory.path / "clickhouse" / "data").mkdir(parents=True)
    with directory.claim():
        assert not (directory.path / "clickhouse").exists()


def test_what_a_link_points_to_is_not_deleted(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    directory = SandboxDirectory(tmp_path / "run")
    with directory.claim():
        (directory.path / "link").symlink_to(precious)
    with directory.claim():
        assert (precious / "file").exists()


def test_a_second_sandbox_is_told_which_process_to_stop(tmp_path):
    with SandboxDirectory(tmp_path).claim() as first:
        first.publish(RUNNING)
        with pytest.raises(DirectoryRefused, match="stop process 1"), SandboxDirectory(tmp_path).claim():
            pass
        assert first.running() == RUNNING


def test_what_runs_is_told_until_the_end(tmp_path):
    with SandboxDirectory(tmp_path).claim() as directory:
        directory.publish(RUNNING)
        assert SandboxDirectory(tmp_path).running() == RUNNING
    with pytest.raises(DirectoryRefused, match="chronoverse-sandbox up"):
        directory.running()


def test_a_sandbox_that_was_killed_does_not_run(tmp_path):
    """It could not remove its sandbox.json."""
    with SandboxDirectory(tmp_path).claim() as directory:
        pass
    directory.publish(RUNNING)
    with pytest.raises(DirectoryRefused, match="no sandbox is ready"):
        directory.running()
