"""Wiring: the tree that a config becomes, its keys and streams, and plugins that are found."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from actors.journal.store import MemoryStore
from actors.runtime import ChildSpec, FlattenScope, SimulatedRuntime, SupervisorSpec
from config.incarnation import IncarnationError, next_incarnation
from config.load import load, shipped
from config.plugins import Kinds, PluginError, installed
from config.schema import Config
from config.tree import table, tree
from config.wire import System, assemble, keys_of_seed, substream
from domain.money import install_context

SECOND_NS = 1_000_000_000
START_NS = 1_741_780_800 * SECOND_NS


@pytest.fixture(scope="module")
def paper() -> Config:
    """The shipped paper config."""
    return load(shipped("paper.toml"))


def wired(config: Config) -> tuple[SimulatedRuntime, System]:
    """Return a config's system on virtual time, not started."""
    install_context()
    seed = config.clock.seed
    runtime = SimulatedRuntime(substream(seed), START_NS)
    system = assemble(
        config,
        runtime,
        plugins=installed(),
        store=MemoryStore(chained=False),
        keys=keys_of_seed(seed),
        digest=True,
    )
    return runtime, system


def children(spec: SupervisorSpec) -> dict[str, ChildSpec]:
    """Return the children of a spec by id."""
    return {child.id: child for child in spec.children}


def test_the_tree_starts_and_stops_in_the_order_of_the_design(paper: Config) -> None:
    """The journal is first up and last down, the flattener starts before risk, the report ends."""
    order = [child.id for child in tree(paper, None).children]
    assert order[0] == "journal"
    assert order[-1] == "report"
    assert order.index("flatten") < order.index("risk") < order.index("venues")
    assert order.index("venues") < order.index("positions") < order.index("hedges")
    assert order.index("hedges") < order.index("strategies")


def test_what_is_lost_with_a_child_is_closed(paper: Config) -> None:
    """Each address has the flatten scope that the design gives it."""
    found = {}
    for line in table(paper).splitlines():
        match = re.match(r"\| `(\S+)` \|.*\| (\S*) ?(\S*) \| \S+", line)
        if match and match[1] != "/":
            found[match[1]] = (match[2], match[3])
    assert found["/journal"] == found["/risk"] == (FlattenScope.ALL, "")
    assert found["/venues/alpha"] == (FlattenScope.VENUE, "alpha")
    key = "alpha:BTCUSDT"
    assert found["/positions/alpha/main/BTCUSDT"] == (FlattenScope.INSTRUMENT, key)
    assert found["/hedges/btc"] == found["/strategies/btc_cross"] == (FlattenScope.PAIR, "btc")
    assert found["/portfolio"] == (FlattenScope.NONE, "")


def test_a_group_of_equals_flattens_all_when_it_is_lost(paper: Config) -> None:
    """A supervisor beyond its budget takes everything with it, and waits for its children."""
    groups = [child for child in tree(paper, None).children if child.supervisor]
    assert [group.id for group in groups] == ["venues", "positions", "hedges", "strategies"]
    assert all(group.scope is FlattenScope.ALL for group in groups)
    assert all(group.shutdown_ns is None for group in groups)


def test_a_wired_system_trades_and_stops_flat(paper: Config) -> None:
    """Twenty minutes of paper trading open and close pairs; the stop ends in a final report."""
    runtime, system = wired(paper)
    system.start()
    runtime.advance(1_200 * SECOND_NS)
    runtime.kernel.lifecycle.request_stop("/")
    runtime.advance(60 * SECOND_NS)
    report = system.report
    assert report is not None
    assert not runtime.kernel.is_alive("/")
    assert report.fills >= 8
    assert report.final_flat
    assert report.equity is not None
    assert report.equity_start is not None
    assert report.equity - report.equity_start == report.pnl
    assert {str(venue.state) for venue in report.venues} == {"live"}
    assert not runtime.kernel.lifecycle.failures


def test_the_same_seed_is_the_same_run_and_another_is_not(paper: Config) -> None:
    """Two systems of one config decide alike; another seed is another market."""
    digests = []
    for config in (paper, paper, _with_seed(paper, 8)):
        runtime, system = wired(config)
        system.start()
        runtime.advance(300 * SECOND_NS)
        digests.append(system.parts.audit.hexdigest())
    assert digests[0] == digests[1] != digests[2]


def _with_seed(config: Config, seed: int) -> Config:
    text = shipped("paper.toml").read_text(encoding="utf-8")
    from config.load import parse  # noqa: PLC0415

    return parse(text.replace("seed = 7", f"seed = {seed}"), config.file)


def test_keys_of_a_seed_differ_and_are_not_shown() -> None:
    """Approvals and permits have keys of their own; no text form holds them."""
    keys = keys_of_seed(1)
    assert keys.approval != keys.permit
    assert keys == keys_of_seed(1) != keys_of_seed(2)
    assert repr(keys) == "Keys(***)"


def test_random_streams_are_named() -> None:
    """A stream depends on seed and name only, so a new one changes no other."""
    streams = substream(3)
    first = streams("a").random()
    streams("b").random()
    assert substream(3)("a").random() == first != substream(4)("a").random()


# -- plugins --------------------------------------------------------------------------------------


def test_the_installed_kinds_are_found_by_entry_point() -> None:
    """Simulated venues, their transport and the crossover strategy come with Keel."""
    found = installed()
    assert "simulated" in found.venues.names()
    assert "memory" in found.transports.names()
    assert "crossover" in found.strategies.names()
    assert found.venues.get("simulated").kind == "simulated"
    assert found.strategies.get("crossover").kind == "crossover"


def test_a_kind_that_is_not_there_or_does_not_load_is_named() -> None:
    """The error names what is installed, or where the entry point leads."""
    broken = EntryPoint(name="broken", value="no.such.module:X", group="keel.venues")
    kinds = Kinds("venue", {"broken": broken})
    with pytest.raises(PluginError, match='no venue kind "x" is installed; installed: broken'):
        kinds.get("x")
    with pytest.raises(PluginError, match=r"no\.such\.module:X.*does not load"):
        kinds.get("broken")


# -- incarnations ---------------------------------------------------------------------------------


def test_each_start_has_a_new_incarnation(tmp_path: Path) -> None:
    """Numbers rise by one per start and deployment, and outlive the process."""
    folder = tmp_path / "runs"
    assert [next_incarnation(folder, 1) for _ in range(3)] == [1, 2, 3]
    assert next_incarnation(folder, 2) == 1
    assert not list(folder.glob("*.new"))


@pytest.mark.parametrize("text", ["", "x", "-5", str(2**24)])
def test_an_unreadable_incarnation_is_never_begun_again(tmp_path: Path, text: str) -> None:
    """A damaged or used-up file is an error: to start at 1 again could repeat client ids."""
    (tmp_path / "deployment-1.incarnation").write_text(text, encoding="ascii")
    with pytest.raises(IncarnationError):
        next_incarnation(tmp_path, 1)
    assert (tmp_path / "deployment-1.incarnation").read_text(encoding="ascii") == text
