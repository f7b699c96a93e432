"""What must fit together across tables: names, legs, kinds, capabilities, sizes and limits.

Each check runs on what could be read; one that needs a part which is wrong already stays silent, so
that one mistake is reported once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.ports import Capability
from actors.settings import PairSettings, RiskSettings, StrategySettings
from config.lines import KeyPath
from config.plugins import PluginError, Plugins
from config.problems import Problems, nearest
from config.schema import VenueTable
from domain.client_ids import owner_numbers
from domain.errors import DomainError
from domain.hedging import common_lot
from domain.instruments import ContractKind, Instrument
from domain.margin import leverage_max
from domain.orders import OrderType, TimeInForce

__all__ = [
    "Market",
    "check_capabilities",
    "check_names",
    "check_pairs",
    "check_strategies",
    "text_of",
]

_NEEDED_TYPES = (OrderType.LIMIT,)
_NEEDED_TIMES = (TimeInForce.GTC, TimeInForce.IOC)


class Market(msgspec.Struct, frozen=True):
    """What is known of all venues: listings and rough prices by key, and who is unreadable."""

    instruments: dict[str, Instrument]
    prices: dict[str, Decimal]
    venues: tuple[str, ...]
    unreadable: tuple[str, ...]


def text_of(row: Mapping[str, Any], key: str) -> str:
    """Return a text of a table as it stands in the file, "" if there is none."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def check_names(tables: Mapping[str, list[Mapping[str, Any]]], problems: Problems) -> None:
    """Note names given twice within a table, names no address can hold, and clashes of owners."""
    owners = ["/flatten"]
    for table, rows in tables.items():
        seen: dict[str, int] = {}
        for index, row in enumerate(rows):
            if not isinstance(row.get("name"), str):
                continue
            path: KeyPath = (table, index, "name")
            name = text_of(row, "name")
            if not _NAME.fullmatch(name):
                problems.add(path, f'must be letters, digits, "-" and "_", is "{name}"')
            elif name in seen:
                problems.add(path, f'"{name}" is the name of {table}[{seen[name]}] already')
            else:
                seen[name] = index
                owners.append(f"{_FOLDERS[table]}/{name}")
    try:
        owner_numbers(owners)
    except DomainError as error:
        problems.add(("pairs",), str(error))


_NAME = re.compile(r"[A-Za-z0-9_-]+")
_FOLDERS = {"pairs": "/hedges", "strategies": "/strategies", "venues": "/venues"}


def check_capabilities(
    index: int, table: VenueTable, capability: Capability, problems: Problems
) -> None:
    """Note what the trading actors need of a venue and the venue cannot do."""
    path: KeyPath = ("venues", index)
    who = f'venue "{table.name}" ({table.kind})'
    for kind in _NEEDED_TYPES:
        if kind not in capability.order_types:
            problems.add((*path, "kind"), f"{who} takes no {kind} orders, which pairs need")
    for time in _NEEDED_TIMES:
        if time not in capability.times_in_force:
            problems.add((*path, "kind"), f"{who} takes no {time} orders, which pairs need")
    if not capability.reduce_only:
        problems.add((*path, "kind"), f"{who} has no reduce-only orders, which flattening needs")
    if not capability.netting:
        problems.add((*path, "kind"), f"{who} does not net positions, which pairs count on")
    if Decimal(str(table.connection.orders_per_second)) > capability.orders_per_second:
        problems.add(
            (*path, "connection", "orders_per_second"),
            f"{who} takes {capability.orders_per_second} per second at most, "
            f"is {table.connection.orders_per_second}",
        )


def check_pairs(
    rows: list[Mapping[str, Any]],
    pairs: tuple[PairSettings | None, ...],
    market: Market,
    risk: RiskSettings | None,
    problems: Problems,
) -> None:
    """Note legs that do not exist, are owned twice, cannot hedge each other, or can never trade.

    rows are the pairs as they stand in the file, pairs what could be read of them.
    """
    owners: dict[str, str] = {}
    for index, (row, pair) in enumerate(zip(rows, pairs, strict=True)):
        path: KeyPath = ("pairs", index)
        keys = {role: text_of(row, role) for role in _ROLES if isinstance(row.get(role), str)}
        legs = [_leg((*path, role), key, market, problems) for role, key in keys.items()]
        if len(set(keys.values())) < len(keys):
            problems.add(
                (*path, "hedge"), "is the main leg too: one account nets both legs to one position"
            )
        else:
            for role, key in keys.items():
                _claim((*path, role), key, text_of(row, "name"), owners, problems)
        if pair is None or legs[0] is None or legs[1] is None:
            continue
        for text, where in _misfits(pair, legs[0], legs[1]):
            problems.add((*path, where), text)
        if not problems.under(path):
            for text, where in _sizes(pair, legs[0], legs[1], market.prices):
                problems.add((*path, where), text)
            if risk is not None and not problems.under(("risk",)):
                _limits(pair, risk, problems)


_ROLES = ("main", "hedge")


def _leg(path: KeyPath, key: str, market: Market, problems: Problems) -> Instrument | None:
    found = market.instruments.get(key)
    venue, colon, symbol = key.partition(":")
    if found is not None or venue in market.unreadable:
        return found
    if not (venue and colon and symbol):
        problems.add(
            path, f'must be written venue:SYMBOL, is "{key}"', nearest(key, market.instruments)
        )
    elif venue not in market.venues:
        guess = nearest(venue, market.venues)
        problems.add(path, f'there is no venue "{venue}"', f"{guess}:{symbol}" if guess else "")
    else:
        listed = [item for item in market.instruments if item.startswith(f"{venue}:")]
        names = ", ".join(item.partition(":")[2] for item in listed)
        problems.add(path, f'"{venue}" lists no {symbol}, only {names}', nearest(key, listed))
    return None


def _claim(path: KeyPath, key: str, pair: str, owners: dict[str, str], problems: Problems) -> None:
    owner = owners.setdefault(key, pair)
    if owner != pair:
        problems.add(path, f'{key} belongs to pair "{owner}": a position has one owner')


def _misfits(pair: PairSettings, main: Instrument, hedge: Instrument) -> Iterator[tuple[str, str]]:
    for role, leg in (("main", main), ("hedge", hedge)):
        if leg.kind is not ContractKind.LINEAR:
            yield f"{leg.key} is {leg.kind}; pairs hold linear contracts only", role
    if main.base != hedge.base:
        yield f"{hedge.key} is {hedge.base}, which does not hedge {main.base}", "hedge"
    notional = pair.capital_usd * pair.leverage_max
    for leg, size in ((main, notional), (hedge, notional * pair.ratio)):
        allowed = leverage_max(size, leg.tiers)
        if pair.leverage_max > allowed:
            yield (
                f"{leg.key} allows {allowed} at {size} {leg.quote}, is {pair.leverage_max}",
                "leverage_max",
            )


def _sizes(
    pair: PairSettings, main: Instrument, hedge: Instrument, prices: Mapping[str, Decimal]
) -> Iterator[tuple[str, str]]:
    """Yield why the venues' minimum sizes rule the pair out even at its largest."""
    largest = pair.capital_usd * pair.leverage_max
    for leg, share in ((main, Decimal(1)), (hedge, pair.ratio)):
        size = largest * share
        if size < leg.notional_min:
            yield _too_small(leg, f"{leg.notional_min} {leg.quote}", size), "capital_usd"
        price = prices.get(leg.key)
        if price is not None and leg.quantity_min * price > size:
            least = f"{leg.quantity_min} {leg.base}, about {leg.quantity_min * price} {leg.quote}"
            yield _too_small(leg, least, size), "capital_usd"
    try:
        lot = common_lot(main.lot, hedge.lot, pair.ratio)
    except DomainError as error:
        yield str(error), "ratio"
        return
    price = prices.get(main.key)
    if price is None:
        return
    # Rounding the hedge to its lot leaves up to half a lot, as a rule more than the tolerance has.
    coarse = hedge.lot / 2 > pair.tolerance * largest / price
    if coarse and lot * price > largest:
        text = f"the lots {main.lot} and {hedge.lot} fit together at multiples of {lot} {main.base}"
        yield f"{text}, {lot * price} {main.quote}; leverage_max allows {largest}", "ratio"


def _too_small(leg: Instrument, least: str, size: Decimal) -> str:
    return f"{leg.key} takes no order below {least}; at leverage_max the leg comes to {size}"


def _limits(pair: PairSettings, risk: RiskSettings, problems: Problems) -> None:
    """Note limits under which the pair could not reach the size that it asks for."""
    limits = risk.limits
    largest = pair.capital_usd * pair.leverage_max * (1 + pair.slippage_max)
    both = largest * (1 + pair.ratio)
    for name, needed in (
        ("order_notional_max", largest),
        ("position_notional_max", largest),
        ("portfolio_notional_max", both),
    ):
        limit = getattr(limits, name)
        if limit < needed:
            problems.add(
                ("risk", "limits", name),
                f'is {limit}, but pair "{pair.name}" needs {needed:f} at leverage_max, '
                "so it would be refused",
            )


def check_strategies(
    rows: list[Mapping[str, Any]],
    strategies: tuple[StrategySettings | None, ...],
    pairs: list[str],
    plugins: Plugins,
    problems: Problems,
) -> None:
    """Note unknown kinds and pairs, a pair driven twice, and parameters that the kind refuses."""
    drivers: dict[str, int] = {}
    for index, (row, strategy) in enumerate(zip(rows, strategies, strict=True)):
        path: KeyPath = ("strategies", index)
        pair, kind = text_of(row, "pair"), text_of(row, "kind")
        if pair and pair not in pairs:
            problems.add((*path, "pair"), f'there is no pair "{pair}"', nearest(pair, pairs))
        elif pair and drivers.setdefault(pair, index) != index:
            driver = text_of(rows[drivers[pair]], "name")
            problems.add((*path, "pair"), f'"{pair}" is driven by "{driver}" already')
        if not kind:
            continue
        try:
            plugin = plugins.strategies.get(kind)
        except PluginError as error:
            problems.add((*path, "kind"), str(error), nearest(kind, plugins.strategies.names()))
            continue
        if strategy is not None:
            for text in plugin.check(strategy.parameters):
                problems.add((*path, "parameters"), text)
