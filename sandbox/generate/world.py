"""The simulated Chronoverse: users, workflows and their lives; `Simulation` is the way in.

    simulation = Simulation(Plan(events=100_000, seed=7))
    for record in simulation: ...
    simulation.truth.expected()

The same plan gives the same bytes. Memory follows the number of workflows and the density of events in time,
not the number of records; only the exact percentiles cost eight bytes a job.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from random import Random

from sandbox.generate.faults import Faults
from sandbox.generate.forms import Payload, uuid4, uuid7
from sandbox.generate.jobs import Jobs
from sandbox.generate.outbox import Event, Outbox
from sandbox.generate.record import PlayableRecord
from sandbox.generate.truth import Truth, Workflow

_DAY_MS = 86_400_000
_RECORDS_A_JOB = 7.1  # measured: with faults and lifecycle events
_HEAVY_SHARE = 0.4
_LIFE_DAYS = 30.0
_LIFECYCLE_REPEATS_MS = 40 * _DAY_MS


@dataclass(frozen=True)
class Plan:
    """What to generate: exactly `events` records, from `start_ms` on, over about `days` of event time.

    `users` and `workflows` 0: as many as the corpus would have. `faults` off: every record is well formed and
    unique, carries its EventKey and believable times.
    """

    events: int
    seed: int = 1
    users: int = 0
    workflows: int = 0
    faults: bool = True
    start_ms: int = 1_740_787_200_000  # 2025-03-01T00:00:00Z
    days: float = 60.0

    @property
    def workflow_count(self) -> int:
        """Workflows to create; a short run may end before the last of them."""
        return self.workflows or max(3, min(10_000, self.events // 280), self.users)

    @property
    def user_count(self) -> int:
        """Users who own them."""
        return min(self.users or max(2, self.workflow_count // 11), self.workflow_count)


class Simulation:
    """Iterate once; `truth` is right for the records yielded so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = Random(plan.seed)  # noqa: S311  # a simulation, no secret
        self.truth = Truth(uuid7(self.random, plan.start_ms - _DAY_MS))
        self._outbox = Outbox(self.random, self.truth, plan.faults)
        self._jobs = Jobs(self._outbox)
        self._faults = Faults(self._outbox, self.truth.ghost_id)
        self._users = [self._new_user() for _ in range(plan.user_count)]
        self._heavy: list[Workflow] = []  # of the first user, who has 40% of the jobs
        self._others: list[Workflow] = []
        self._born = 0
        self._job_every_ms = plan.days * _DAY_MS * _RECORDS_A_JOB / max(plan.events, 1)
        self._birth_every_ms = plan.days * _DAY_MS / 2 / plan.workflow_count
        self._outbox.call(plan.start_ms, self._bear)
        self._outbox.call(plan.start_ms + _DAY_MS / 24, self._start_job)

    def __iter__(self) -> Iterator[PlayableRecord]:
        return islice(self._outbox, self.plan.events)

    def _new_user(self) -> str:
        age_ms = self.random.randrange(400 * _DAY_MS)
        v4 = self.random.random() < 0.15
        return uuid4(self.random) if v4 else uuid7(self.random, self.plan.start_ms - age_ms)

    # --- jobs ---

    def _start_job(self, at_ms: int) -> None:
        """Start a job somewhere, sometimes leave a fault beside it, and plan the next job."""
        self._outbox.call(at_ms + self.random.expovariate(1 / self._job_every_ms), self._start_job)
        workflow = self._pick()
        if workflow is None:
            return
        self._jobs.run(workflow, at_ms)
        if self.plan.faults:
            self._faults.maybe(workflow, at_ms)

    def _pick(self) -> Workflow | None:
        """Return a workflow that may run: one in 2.5 times one of the heavy user; the earlier, the busier."""
        random = self.random
        heavy = bool(self._heavy) and (not self._others or random.random() < _HEAVY_SHARE)
        workflows = self._heavy if heavy else self._others
        for _ in range(8):
            workflow = workflows[int(len(workflows) * random.random() ** 2)]
            if workflow.active:
                return workflow
        return None

    # --- lives ---

    def _bear(self, at_ms: int) -> None:
        """Create the next workflow, and plan the one after it. The first one runs for ever."""
        random, first = self.random, self._born == 0
        user_id = self._owner()
        self._born += 1
        kind = "CONTAINER" if random.random() < 0.58 else "HEARTBEAT"
        workflow_id = uuid4(random) if random.random() < 0.12 else uuid7(random, at_ms)
        workflow = Workflow(workflow_id, user_id, kind)
        if self._born < self.plan.workflow_count:
            self._outbox.call(at_ms + random.expovariate(1 / self._birth_every_ms), self._bear)
        if first or random.random() > 0.015:
            self._introduce(workflow, at_ms, older=not first and self.plan.faults and random.random() < 0.02)
            if first or random.random() > 0.08:  # else it stays idle
                (self._heavy if user_id == self._users[0] else self._others).append(workflow)
            if not first:
                self._plan_end(workflow, at_ms)
        else:
            self._build(workflow, at_ms)
            self._terminate(workflow, at_ms + random.randrange(500, 2000))  # before it was built

    def _owner(self) -> str:
        """Return the owner: each user gets a workflow, then the first ones get more."""
        if self._born < len(self._users):
            return self._users[self._born]
        return self._users[int(len(self._users) * self.random.random() ** 2)]

    def _introduce(self, workflow: Workflow, at_ms: int, older: bool) -> None:
        """Build it, unless it is `older` than the log: then its first job names it."""
        random = self.random
        if older:
            workflow.generation = random.randrange(1, 5)
        else:
            self._build(workflow, at_ms)
            self._announce(workflow, at_ms + random.randrange(200, 2000), workflow.id)

    def _plan_end(self, workflow: Workflow, at_ms: int) -> None:
        self._outbox.call(
            at_ms + _DAY_MS / 8 + self.random.expovariate(1 / _LIFE_DAYS) * _DAY_MS,
            partial(self._turn, workflow),
        )

    def _turn(self, workflow: Workflow, at_ms: int) -> None:
        """Let something happen to a workflow: a new schedule, its end, or its return."""
        random = self.random
        if not workflow.active:
            self._return_or_delete(workflow, at_ms)
        elif random.random() < 0.3:
            workflow.generation += 1
            self._publish(workflow, "RESCHEDULE", at_ms, "active")
        else:
            workflow.active = False
            self._terminate(workflow, at_ms)
        if workflow.generation:
            self._plan_end(workflow, at_ms)

    def _return_or_delete(self, workflow: Workflow, at_ms: int) -> None:
        random = self.random
        if random.random() < 0.4:
            workflow.generation = 0  # nothing comes after this
            self._publish(workflow, "DELETE", at_ms, "deleted")
            return
        workflow.generation += 1
        workflow.active = True
        upper = self.plan.faults and workflow.named and random.random() < 0.15
        spelling = workflow.id.upper() if upper else workflow.id
        self._publish(workflow, "BUILD", at_ms, "active", spelling)
        self._announce(workflow, at_ms + random.randrange(200, 2000), spelling)

    def _terminate(self, workflow: Workflow, at_ms: int) -> None:
        upper = self.plan.faults and workflow.named and self.random.random() < 0.08
        self._publish(workflow, "TERMINATE", at_ms, "terminated", workflow.id.upper() if upper else None)

    # --- events of topics workflows and analytics ---

    def _build(self, workflow: Workflow, at_ms: int) -> None:
        """Publish the first BUILD; old producers send no EventKey, some not even a generation."""
        if not self.plan.faults or self.random.random() > 0.04:
            self._publish(workflow, "BUILD", at_ms, "active")
            return
        payload: Payload = {"ID": workflow.id, "UserID": workflow.user_id, "Action": "BUILD"}
        if self.random.random() < 0.4:
            payload |= {"EventKey": "", "Generation": 1, "JobID": "", "FailureKind": ""}
        effect = partial(self.truth.moved, workflow, "active")
        self._outbox.publish(at_ms, Event("workflows", workflow.id, payload, effect))

    def _publish(
        self, workflow: Workflow, action: str, at_ms: int, state: str, spelling: str | None = None
    ) -> None:
        id_, generation = spelling or workflow.id, workflow.generation
        key = f"workflow:{id_}:DELETE" if action == "DELETE" else f"workflow:{id_}:{action}:{generation}"
        payload: Payload = {
            "EventKey": key, "ID": id_, "UserID": workflow.user_id, "Action": action,
            "Generation": generation, "JobID": "", "FailureKind": "", "ErrorCode": "", "ErrorMessage": "",
        }  # fmt: skip  # one event, as it is printed
        event = Event(
            "workflows", id_, payload, partial(self.truth.moved, workflow, state),
            as_jsonb=self.random.random() < 0.85, repeats_for_ms=_LIFECYCLE_REPEATS_MS,
        )  # fmt: skip
        self._outbox.publish(at_ms, event)

    def _announce(self, workflow: Workflow, at_ms: int, spelling: str) -> None:
        """Publish its WORKFLOWS event, the same for every rebuild."""
        payload: Payload = {
            "EventKey": f"analytics:workflow:{spelling}", "UserID": workflow.user_id, "WorkflowID": spelling,
            "EventType": "WORKFLOWS", "Data": {"kind": workflow.kind},
        }  # fmt: skip
        if self.plan.faults and self.random.random() < 0.04:
            payload["EventKey"] = ""
        effect = partial(self.truth.analyzed, workflow, spelling == workflow.id)
        self._outbox.publish(at_ms, Event("analytics", spelling, payload, effect))
