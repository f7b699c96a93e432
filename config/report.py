"""The final report: read once the book is flat and before anybody who knows the figures is gone."""

from __future__ import annotations

from collections.abc import Callable

from actors.messages.portfolio import PortfolioQuery, PortfolioReply
from actors.runtime import Actor, RequestTimedOut, handles

__all__ = ["FinalReport"]

PORTFOLIO = "/portfolio"
TIMEOUT_NS = 5_000_000_000


class FinalReport(Actor):
    """Asks the portfolio for its figures when it is asked to stop, and hands them over.

    It starts last, so it stops first: after the root's flatten and before any other child. When it
    fails, or the portfolio does not answer in time, there is no final report, and the stop goes on.
    """

    def __init__(self, hand_over: Callable[[PortfolioReply], None]) -> None:
        """Hand the report to a function outside the tree."""
        super().__init__()
        self._hand_over = hand_over

    def on_stop_requested(self) -> bool:
        """Ask, and go on until there is an answer."""
        self.context.request(PORTFOLIO, PortfolioQuery(curve=True), TIMEOUT_NS)
        return False

    @handles(PortfolioReply)
    def reported(self, message: PortfolioReply) -> None:
        """Hand the figures over and end."""
        self._hand_over(message)
        self.context.exit()

    @handles(RequestTimedOut)
    def timed_out(self, _: RequestTimedOut) -> None:
        """End without."""
        self.context.exit()
