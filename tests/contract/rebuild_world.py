"""A stack whose log is counted anew, and the commands that do it."""

import os
import sys
from contextlib import contextmanager

from analytics.store.pool import Connection
from sandbox.processes import ChildProcess
from tests import forked
from tests.operator_world import dump, processor_settings

_OFFSETS = "SELECT sum(offset_delta) FROM analytics WHERE resolution = 'checkpoint'"


class Rebuilding:
    """A stack that has counted some of the small corpus; its processor has stopped."""

    def __init__(self, stack):
        self.stack = stack
        self.settings = processor_settings(stack.stack.settings(), kafka_brokers=(stack.running.kafka,))
        self.note_truth()
        self.logs = stack.stack.directory.logs

    def note_truth(self):
        """What is counted now is right."""
        self.truth = dump(self.settings)

    def run(self, *command, dying_at=None):
        """Run a command; it ends with any code."""
        line = [sys.executable, "-m", *self._module(dying_at), *command]
        return forked.run(line, env=self._environment(), timeout=120)

    def begin(self, *command, **environment):
        """A command that runs beside the test."""
        line = [sys.executable, "-m", "processor", *command]
        return ChildProcess(
            "command", line, self.logs / "command.log", environment=self._environment() | environment
        )

    def query(self, sql, *, rebuilt=False):
        database = self.settings.clickhouse_database + ("_rebuild" if rebuilt else "")
        connection = Connection(self.settings, timeout_s=30, database=database)
        try:
            return connection.query(sql)
        finally:
            connection.close()

    def rebuilt_offsets(self):
        """How much is counted anew; 0 before there is a database."""
        if not self.query(
            "SELECT 1 FROM system.tables WHERE database = 'analytics_rebuild' AND name = 'gaps'"
        ):
            return 0
        return self.query(_OFFSETS, rebuilt=True)[0][0]

    def offsets(self):
        """How much is counted, whatever a broken checkpoint says."""
        return self.query(_OFFSETS)[0][0]

    @contextmanager
    def processing(self):
        """A processor runs for a while."""
        processor = self.stack.stack.processors[0]
        processor.respawn()
        try:
            yield
        finally:
            processor.stop()

    def break_numbers(self):
        """As a part that was doubled would: all users and workflows have jobs too many."""
        self.query(
            "INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, jobs) "
            "SELECT resolution, user_id, workflow_id, bucket_start, 7 FROM analytics WHERE resolution != 'checkpoint'"
        )
        assert dump(self.settings) != self.truth

    def break_checkpoint(self):
        """It says an offset that no log has."""
        self.query(
            "INSERT INTO analytics (resolution, user_id, workflow_id, bucket_start, next_offset) "
            "SELECT DISTINCT resolution, user_id, workflow_id, 0, 100000 FROM analytics "
            "WHERE resolution = 'checkpoint' LIMIT 1"
        )

    @contextmanager
    def emptied(self, table):
        """One rebuilt table has no rows for a while."""
        self.query(f"CREATE TABLE emptied AS {table}", rebuilt=True)
        self.query(f"EXCHANGE TABLES emptied AND {table}", rebuilt=True)
        try:
            yield
        finally:
            self.query(f"EXCHANGE TABLES emptied AND {table}", rebuilt=True)
            self.query("DROP TABLE emptied SYNC", rebuilt=True)

    def clean_up(self):
        """Leave no second database, and no table in a wrong one."""
        if self.query("SELECT 1 FROM system.tables WHERE database = 'analytics_rebuild' AND name = 'switch'"):
            self.run("rebuild", "--switch")
        self.query("DROP DATABASE IF EXISTS analytics_rebuild SYNC")

    def _module(self, dying_at):
        return ["processor"] if dying_at is None else ["tests.dying_command", str(dying_at)]

    def _environment(self):
        return os.environ | self.stack.stack.environment()
