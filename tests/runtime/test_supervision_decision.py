"""The restart decision is a pure function: its whole table is here."""

import pytest

from actors.runtime import (
    Backoff,
    ChildSpec,
    ExitKind,
    FlattenScope,
    Restart,
    SpecError,
    Strategy,
    SupervisorSpec,
)
from actors.runtime.supervision import Decision, Verdict, decide, within_budget

PERIOD = 1_000
OTHERS = ("a", "c", "d")


def spec(strategy: Strategy, restart: Restart, intensity: int = 3) -> SupervisorSpec:
    """Return a supervisor of a, b, c and the temporary d; b has the restart kind."""
    children = (
        ChildSpec("a", lambda: None),
        ChildSpec("b", lambda: None, restart=restart),
        ChildSpec("c", lambda: None),
        ChildSpec("d", lambda: None, restart=Restart.TEMPORARY),
    )
    return SupervisorSpec(children, strategy, intensity, PERIOD)


def decision(  # noqa: PLR0917 - the arguments of what it stands for
    strategy: Strategy,
    restart: Restart,
    kind: ExitKind,
    restarts: tuple[int, ...] = (),
    now_ns: int = 5_000,
    running: tuple[str, ...] = OTHERS,
    intensity: int = 3,
) -> Decision:
    """Decide about the end of b."""
    supervisor = spec(strategy, restart, intensity)
    return decide(supervisor, supervisor.children[1], kind, restarts, now_ns, running)


STEPS = {
    Strategy.ONE_FOR_ONE: ((), ("b",)),
    Strategy.REST_FOR_ONE: (("d", "c"), ("b", "c")),
    Strategy.ONE_FOR_ALL: (("d", "c", "a"), ("a", "b", "c")),
}
ABNORMAL = (ExitKind.FAILURE, ExitKind.KILLED)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("kind", ExitKind)
def test_the_decision_table(strategy: Strategy, restart: Restart, kind: ExitKind) -> None:
    """Restart kind and way of ending decide whether; the strategy decides who goes along."""
    found = decision(strategy, restart, kind)
    again = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and kind in ABNORMAL)
    if kind is ExitKind.VIOLATION or not again:
        assert (found.verdict, found.stop, found.start) == (Verdict.LEAVE, (), ())
        assert found.lost is (kind is not ExitKind.NORMAL)
        assert found.restarts == ()
        return
    stop, start = STEPS[strategy]
    assert found == Decision(Verdict.RESTART, stop, start, restarts=(5_000,))


@pytest.mark.parametrize("strategy", Strategy)
def test_siblings_that_are_down_stay_down(strategy: Strategy) -> None:
    """A sibling that had ended for good is neither stopped nor started with the failed one."""
    found = decision(strategy, Restart.PERMANENT, ExitKind.FAILURE, running=("a",))
    affected = strategy is Strategy.ONE_FOR_ALL
    assert found.stop == (("a",) if affected else ())
    assert found.start == (("a", "b") if affected else ("b",))


@pytest.mark.parametrize("intensity", [0, 1, 3])
def test_intensity_restarts_are_allowed_and_one_more_is_not(intensity: int) -> None:
    """With intensity I the I-th restart within the period happens; the next one escalates."""
    restarts: tuple[int, ...] = ()
    for number in range(intensity):
        found = decision(
            Strategy.ONE_FOR_ONE,
            Restart.PERMANENT,
            ExitKind.FAILURE,
            restarts,
            now_ns=5_000 + number,
            intensity=intensity,
        )
        assert found.verdict is Verdict.RESTART
        restarts = found.restarts
    found = decision(
        Strategy.ONE_FOR_ONE,
        Restart.PERMANENT,
        ExitKind.FAILURE,
        restarts,
        intensity=intensity,
        now_ns=5_000 + intensity,
    )
    assert (found.verdict, found.lost) == (Verdict.ESCALATE, True)
    assert found.stop == found.start == ()


@pytest.mark.parametrize(
    ("age_ns", "verdict"),
    [
        (PERIOD - 1, Verdict.ESCALATE),
        (PERIOD, Verdict.ESCALATE),
        (PERIOD + 1, Verdict.RESTART),
    ],
)
def test_a_restart_exactly_one_period_ago_still_counts(age_ns: int, verdict: Verdict) -> None:
    """The edge belongs to the period: time >= now - period counts."""
    found = decision(
        Strategy.ONE_FOR_ONE,
        Restart.PERMANENT,
        ExitKind.FAILURE,
        (5_000 - age_ns,),
        intensity=1,
    )
    assert found.verdict is verdict


def test_old_restarts_are_forgotten() -> None:
    """The history keeps what still counts, so it cannot grow beyond the intensity."""
    assert within_budget((1, 2, 3, 4), 1_003, PERIOD) == (3, 4)
    assert within_budget((), 5, PERIOD) == ()


@pytest.mark.parametrize(
    ("attempt", "draw", "delay_ns"),
    [
        (1, 0.0, 100),
        (2, 0.0, 200),
        (3, 0.0, 400),
        (1, 0.5, 105),
        (5, 0.0, 1_000),
        (5, 0.5, 1_050),
        (1_000_000, 0.0, 1_000),
    ],
)
def test_backoff_doubles_up_to_its_largest(attempt: int, draw: float, delay_ns: int) -> None:
    """The n-th delay is first x factor^(n-1), at most the largest, plus a share of jitter."""
    backoff = Backoff(first_ns=100, max_ns=1_000, factor=2.0, jitter=0.1)
    assert backoff.delay_ns(attempt, draw) == delay_ns


def test_no_backoff_is_no_delay() -> None:
    """Without a first delay a restart follows at once, however often."""
    assert Backoff().delay_ns(50, 0.9) == 0


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"supervisor": True}, "shutdown_ns"),
        ({"shutdown_ns": -1}, "shutdown_ns"),
        ({"scope": FlattenScope.PAIR}, "scope_key"),
        ({"scope": FlattenScope.VENUE}, "scope_key"),
        ({"id": "a/"}, "id"),
    ],
)
def test_a_child_spec_that_cannot_work_is_refused(fields: dict[str, object], named: str) -> None:
    """A limit on a supervisor, a negative limit, and a scope without its key are refused."""
    complete = {"id": "a", "factory": lambda: None} | fields
    with pytest.raises(SpecError, match=named):
        ChildSpec(**complete)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"intensity": -1}, {"period_ns": 0}, {"period_ns": -5}],
)
def test_a_budget_that_means_nothing_is_refused(options: dict[str, int]) -> None:
    """Intensity is at least 0 and the period is above 0."""
    with pytest.raises(SpecError, match="intensity"):
        SupervisorSpec((), **options)  # type: ignore[arg-type]


def test_two_children_of_one_name_are_refused() -> None:
    """Names are addresses, so each may be used once."""
    with pytest.raises(SpecError, match="two are called 'a'"):
        SupervisorSpec((ChildSpec("a", lambda: None), ChildSpec("a", lambda: None)))
