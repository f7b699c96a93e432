"""How long and how much a pair is exposed: abs(net - target net) above its tolerance."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["ExposureMeter"]

ZERO = Decimal(0)


class ExposureMeter:
    """Measures one episode of exposure at a time on the monotonic clock.

    Time counts as exposed while a venue that could complete or unwind the pair answers, and as
    unreachable while none does. Units: ns; error in base units; notional in quote.
    """

    __slots__ = (
        "_since_ns",
        "delta_error_max",
        "exposed_ns",
        "notional_max",
        "open",
        "reachable",
        "started_ns",
        "unreachable_ns",
    )

    def __init__(self) -> None:
        """Start without exposure."""
        self._since_ns = 0
        self.started_ns = 0
        self.open = False
        self.reachable = True
        self.exposed_ns = 0
        self.unreachable_ns = 0
        self.notional_max = ZERO
        self.delta_error_max = ZERO

    def update(
        self,
        now_ns: int,
        error: Decimal,
        tolerance: Decimal,
        price: Decimal,
        *,
        reachable: bool,
        age_ns: int = 0,
    ) -> bool:
        """Take a new state of the pair; return True when an episode has just ended.

        age_ns is how long the state has lasted unseen: an episode began so much earlier.
        """
        exposed = abs(error) > tolerance
        if self.open:
            self._pass(now_ns)
        self.reachable = reachable
        if exposed:
            if not self.open:
                self.open = True
                self.started_ns = now_ns - age_ns
                self._since_ns = now_ns
                self.exposed_ns, self.unreachable_ns = age_ns, 0
                self.notional_max = self.delta_error_max = ZERO
            self.delta_error_max = max(self.delta_error_max, abs(error))
            self.notional_max = max(self.notional_max, abs(error) * price)
            return False
        ended, self.open = self.open, False
        return ended

    def _pass(self, now_ns: int) -> None:
        passed = now_ns - self._since_ns
        self._since_ns = now_ns
        if self.reachable:
            self.exposed_ns += passed
        else:
            self.unreachable_ns += passed

    def exposed_now_ns(self, now_ns: int) -> int:
        """Return the reachable part of the open episode so far, 0 without one."""
        if not self.open:
            return 0
        return self.exposed_ns + (now_ns - self._since_ns if self.reachable else 0)
