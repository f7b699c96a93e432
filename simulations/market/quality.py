"""What was found wrong with recorded data, and what was done about it."""

from __future__ import annotations

from enum import StrEnum

from domain.errors import DomainError
from domain.value import Value

__all__ = ["DataIssue", "DataReport", "Findings", "IssueKind", "Treatment"]


class Treatment(StrEnum):
    """What became of the rows with an issue."""

    DROPPED = "dropped"
    KEPT = "kept"
    REFUSED = "refused"


class IssueKind(StrEnum):
    """What was wrong; the treatment of each kind is fixed, see TREATMENTS."""

    NOT_FINITE = "not_finite"
    IMPOSSIBLE_BAR = "impossible_bar"
    OUT_OF_ORDER = "out_of_order"
    DUPLICATE = "duplicate"
    GAP = "gap"
    STALE_BAR = "stale_bar"
    PARTIAL_LAST = "partial_last"
    OFF_TICK = "off_tick"
    BELOW_TICK = "below_tick"
    JITTER = "jitter"
    IRREGULAR_INTERVAL = "irregular_interval"
    CLOCK_SHIFTED = "clock_shifted"
    SEQUENCE_GAP = "sequence_gap"
    CROSSED = "crossed"
    UNREADABLE = "unreadable"


TREATMENTS: dict[IssueKind, Treatment] = {
    IssueKind.NOT_FINITE: Treatment.DROPPED,  # NaN, infinite, or a price not above 0
    IssueKind.IMPOSSIBLE_BAR: Treatment.DROPPED,  # high < low, or open or close outside
    IssueKind.OUT_OF_ORDER: Treatment.DROPPED,  # stamped before a row that came earlier
    IssueKind.DUPLICATE: Treatment.DROPPED,  # the first row of a stamp is kept
    IssueKind.GAP: Treatment.KEPT,  # nothing is invented: the market is silent there
    IssueKind.STALE_BAR: Treatment.KEPT,  # flat without volume: a bar, but no quotes
    IssueKind.PARTIAL_LAST: Treatment.DROPPED,  # a download's last bar may be unfinished
    IssueKind.OFF_TICK: Treatment.KEPT,  # rounded to the nearest tick
    IssueKind.BELOW_TICK: Treatment.DROPPED,  # a price that rounds to no tick at all
    IssueKind.JITTER: Treatment.KEPT,  # a settlement stamp rounded to its minute
    IssueKind.IRREGULAR_INTERVAL: Treatment.KEPT,  # intervals come from stamps, never assumed
    IssueKind.CLOCK_SHIFTED: Treatment.KEPT,  # the recorder's clock set right
    IssueKind.SEQUENCE_GAP: Treatment.KEPT,  # messages are missing
    IssueKind.CROSSED: Treatment.DROPPED,  # bid at or above ask
    IssueKind.UNREADABLE: Treatment.DROPPED,  # no message that is known here
}


class DataIssue(Value, kw_only=True):
    """One kind of issue in one file: how often, first where (ns UTC), and what was done."""

    kind: IssueKind
    treatment: Treatment
    count: int
    first_ns: int


class DataReport(Value, kw_only=True):
    """What a file held: rows read and kept, its span in ns UTC, its step, and its issues."""

    name: str
    rows: int
    kept: int
    first_ns: int
    last_ns: int
    step_ns: int
    issues: tuple[DataIssue, ...]

    def count(self, kind: IssueKind) -> int:
        """Return how often an issue was found."""
        return sum(issue.count for issue in self.issues if issue.kind is kind)


class Findings:
    """Collects issues while a file is read."""

    __slots__ = ("_found", "name")

    def __init__(self, name: str) -> None:
        """Begin with a clean file."""
        self.name = name
        self._found: dict[IssueKind, tuple[int, int]] = {}

    def add(self, kind: IssueKind, time_ns: int, count: int = 1) -> None:
        """Note an issue; the first time stays."""
        if count:
            before, first_ns = self._found.get(kind, (0, time_ns))
            self._found[kind] = (before + count, min(first_ns, time_ns))

    def report(self, rows: int, times_ns: list[int], step_ns: int) -> DataReport:
        """Return the report of a file of which the rows at times_ns were kept.

        Raises: DomainError if nothing was: such a file is refused.
        """
        if not times_ns:
            raise DomainError(f"{self.name}: none of {rows} rows can be used ({self._found})")
        return DataReport(
            name=self.name,
            rows=rows,
            kept=len(times_ns),
            first_ns=times_ns[0],
            last_ns=times_ns[-1],
            step_ns=step_ns,
            issues=tuple(
                DataIssue(kind=kind, treatment=TREATMENTS[kind], count=count, first_ns=first_ns)
                for kind, (count, first_ns) in self._found.items()
            ),
        )
