"""Supervisors that write down what becomes of their children."""

from typing import Any

from actors.runtime import (
    ActorSpec,
    ChildSpec,
    ScopeLost,
    Supervisor,
    SupervisorSpec,
    handles,
)
from tests.runtime.harness import Harness
from tests.runtime.probe import Probe

SECOND_NS = 1_000_000_000


class Branch(Supervisor):
    """Writes down when all its children have started."""

    def __init__(self, log: list[str], spec: SupervisorSpec) -> None:
        """Take the log that the probes share."""
        super().__init__(spec)
        self._log = log

    def on_ready(self) -> None:
        """Write it down."""
        self._log.append(f"{self.context.path} ready")

    def on_stop(self) -> None:
        """Write it down."""
        self._log.append(f"{self.context.path} stop")


class Root(Branch):
    """Writes down the scopes that are lost anywhere below it."""

    def on_scope_lost(self, lost: ScopeLost) -> None:
        """Act as the root does on its own children."""
        self.lost(lost)

    @handles(ScopeLost)
    def lost(self, lost: ScopeLost) -> None:
        """Write it down."""
        self._log.append(f"lost {lost.address} {lost.scope} {lost.key}")


def plant(harness: Harness, *children: ChildSpec, **options: Any) -> None:
    """Start a root with these children and let them start."""
    spec = SupervisorSpec(children, **options)
    harness.start(ActorSpec("root", lambda: Root(harness.log, spec)))


def branch(harness: Harness, id_: str, *children: ChildSpec, **options: Any) -> ChildSpec:
    """Return the child spec of a supervisor; options of the child spec begin with child_."""
    own = {name[6:]: value for name, value in options.items() if name.startswith("child_")}
    rest = {name: value for name, value in options.items() if not name.startswith("child_")}
    spec = SupervisorSpec(children, **rest)
    return ChildSpec(
        id_, lambda: Branch(harness.log, spec), supervisor=True, shutdown_ns=None, **own
    )


def root(harness: Harness) -> Root:
    """Return the root's instance."""
    actor = harness.kernel.boxes["/"].actor
    assert isinstance(actor, Root)
    return actor


class Once:
    """A step that fails the first so many times it is reached."""

    def __init__(self, times: int = 1, error: type[Exception] = ValueError) -> None:
        self.left = times
        self.error = error

    def __call__(self, _: Probe) -> None:
        """Fail, or not any more."""
        if self.left:
            self.left -= 1
            raise self.error("on purpose")
