"""One look at a running system: the portfolio's figures, introspection, and recent events."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from actors.messages.portfolio import LegReport, PortfolioReply
from actors.runtime import InspectReply
from config.schema import Config
from domain.instruments import Instrument, split_key
from domain.margin import position_maintenance

__all__ = ["Event", "Snapshot"]

ZERO = Decimal(0)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something worth a line: when (UTC ns), how grave (0 news, 1 look, 2 bad), and what."""

    utc_ns: int
    level: int
    text: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the status shows. wall_s is the real time since the start, dead the dead letters."""

    config: Config
    portfolio: PortfolioReply
    actors: tuple[InspectReply, ...]
    dead: int
    wall_s: float
    start_ns: int
    stopping: str = ""
    events: tuple[Event, ...] = ()

    def actor(self, address: str) -> dict[str, str]:
        """Return the introspected state of an actor as a dict, empty if it is not there."""
        for reply in self.actors:
            if reply.address == address:
                return dict(reply.state)
        return {}

    def counter(self, name: str) -> int:
        """Return the sum of a counter over all actors."""
        return sum(value for reply in self.actors for key, value in reply.counters if key == name)

    def leg(self, instrument: str) -> LegReport | None:
        """Return the report of an instrument."""
        for leg in self.portfolio.legs:
            if leg.instrument == instrument:
                return leg
        return None

    def margin_ratio(self, venue: str) -> Decimal | None:
        """Return maintenance margin over equity at a venue, None while equity is not known."""
        listed: dict[str, Instrument] = {item.key: item for item in self.config.listings[venue]}
        equity = next((v.equity for v in self.portfolio.venues if v.venue == venue), None)
        if not equity or equity < 0:
            return None
        needed = sum(
            (
                position_maintenance(listed[leg.instrument], leg.quantity, leg.mark)
                for leg in self.portfolio.legs
                if split_key(leg.instrument)[0] == venue and leg.quantity and leg.mark is not None
            ),
            ZERO,
        )
        return needed / equity
