"""A TOML file to a checked config, or to the list of everything that is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
import tomli

from actors.settings import (
    FlattenSettings,
    JournalSettings,
    PairSettings,
    RiskSettings,
    StrategySettings,
)
from config.convert import MISSING, convert
from config.cross import (
    Market,
    check_capabilities,
    check_names,
    check_pairs,
    check_strategies,
    text_of,
)
from config.lines import KeyPath, locate
from config.plugins import PluginError, Plugins, installed
from config.problems import Problem, Problems, nearest
from config.schema import (
    ClockSettings,
    Config,
    DeploymentSettings,
    PortfolioSettings,
    StatusSettings,
    VenueTable,
)
from config.secrets import SecretRef, missing
from domain.errors import DomainError
from domain.instruments import Instrument

__all__ = ["ConfigError", "load", "parse", "shipped"]

TABLES: dict[str, type[msgspec.Struct]] = {
    "deployment": DeploymentSettings,
    "clock": ClockSettings,
    "risk": RiskSettings,
    "flatten": FlattenSettings,
    "journal": JournalSettings,
    "portfolio": PortfolioSettings,
    "status": StatusSettings,
}
LISTS: dict[str, type[msgspec.Struct]] = {
    "venues": VenueTable,
    "pairs": PairSettings,
    "strategies": StrategySettings,
}
_SIZE_MAX = 1_000_000


class ConfigError(Exception):
    """A config cannot be used; problems has every reason."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep the reasons."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def shipped(name: str) -> Path:
    """Return where a config that comes with Keel lies: paper.toml, hedged.toml."""
    return Path(__file__).resolve().parent / name


def load(
    path: Path, plugins: Plugins | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """Return the config of a file; the secrets it refers to must be there, in this environment.

    Raises: ConfigError with everything that is wrong.
    """
    name = str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _alone(name, 0, f"cannot be read: {error.strerror or error}") from None
    if len(content) > _SIZE_MAX:
        raise _alone(name, 0, f"is {len(content)} bytes long; {_SIZE_MAX} at most")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _alone(name, line, "is not UTF-8 text") from None
    return parse(text, name, plugins, environment)


def parse(
    text: str,
    name: str = "config",
    plugins: Plugins | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Return the config of a TOML text; name is what problems call the file, and where it lies.

    Raises: ConfigError with everything that is wrong.
    """
    try:
        content = tomli.loads(text.replace("\r\n", "\n"), parse_float=_exact)
    except tomli.TOMLDecodeError as error:
        message, line = _syntax(error)
        raise _alone(name, line, message) from None
    problems = Problems(name, locate(text))
    here = os.environ if environment is None else environment
    config = _Reader(content, problems, plugins or installed(), here).read(name)
    found = problems.all()
    if found or config is None:
        raise ConfigError(found)
    return config


def _alone(file: str, line: int, text: str) -> ConfigError:
    return ConfigError((Problem(file=file, line=line, key="", problem=text),))


def _exact(text: str) -> Decimal:
    """Return a TOML float as the decimal it is written as; what is beyond Decimal becomes NaN."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _syntax(error: tomli.TOMLDecodeError) -> tuple[str, int]:
    """Return what the parser says and the line, without the text that stands there."""
    message = re.sub(r"\s*\(?(['\"]).{4,}\1\)?", "", error.msg)
    return f"is not TOML: {message} (column {error.colno})", error.lineno


class _Reader:
    """Turns the tables of one file into a config, noting what does not fit."""

    def __init__(
        self,
        content: Mapping[str, Any],
        problems: Problems,
        plugins: Plugins,
        environment: Mapping[str, str],
    ) -> None:
        self._content = content
        self._environment = environment
        self._problems = problems
        self._plugins = plugins
        self._options: dict[str, msgspec.Struct] = {}
        self._listings: dict[str, tuple[Instrument, ...]] = {}
        self._prices: dict[str, Decimal] = {}
        self._unreadable: list[str] = []

    def read(self, name: str) -> Config | None:
        """Return the config, or None if a part of it could not be made."""
        problems = self._problems
        known = (*TABLES, *LISTS)
        for key in self._content:
            if key not in known:
                guess = nearest(key, known)
                listed = "" if guess else f"; valid here: {', '.join(known)}"
                problems.add((key,), f"unknown table{listed}", guess)
        single = {key: self._table(key, struct) for key, struct in TABLES.items()}
        venues = self._venues()
        pairs = self._list("pairs")
        strategies = self._list("strategies")
        for table, entries in (("venues", venues), ("pairs", pairs)):
            if not entries and not problems.has((table,)):
                problems.add((table,), f"is missing: at least one [[{table}]]")
        rows = {key: self._rows(key) for key in LISTS}
        check_names(rows, problems)
        market = Market(
            instruments={item.key: item for items in self._listings.values() for item in items},
            prices=self._prices,
            venues=tuple(text_of(row, "name") for row in rows["venues"]),
            unreadable=tuple(self._unreadable),
        )
        check_pairs(rows["pairs"], pairs, market, single["risk"], problems)
        names = [text_of(row, "name") for row in rows["pairs"]]
        check_strategies(rows["strategies"], strategies, names, self._plugins, problems)
        self._start(single["clock"])
        if problems.all():
            return None
        return Config(
            file=name,
            venues=tuple(venue for venue in venues if venue is not None),
            pairs=pairs,
            strategies=strategies,
            options=self._options,
            listings=self._listings,
            **single,
        )

    def _table(self, key: str, struct: type[msgspec.Struct]) -> Any:
        value = convert(self._content.get(key, {}), struct, (key,), self._problems)
        return None if value is MISSING else value

    def _list(self, key: str) -> tuple[Any, ...]:
        value = self._content.get(key, [])
        if not isinstance(value, list):
            self._problems.add((key,), f"must be a list of tables, written [[{key}]]")
            return ()
        found = []
        for index, entry in enumerate(value):
            item = convert(entry, LISTS[key], (key, index), self._problems)
            found.append(None if item is MISSING else item)
        return tuple(found)

    def _rows(self, key: str) -> list[Mapping[str, Any]]:
        """Return the tables of a list as they stand in the file, empty for what is no table."""
        value = self._content.get(key, [])
        rows = value if isinstance(value, list) else []
        return [row if isinstance(row, Mapping) else {} for row in rows]

    def _start(self, clock: ClockSettings | None) -> None:
        if clock is None or not clock.start:
            return
        try:
            start = datetime.fromisoformat(clock.start)
        except ValueError:
            start = None
        if start is None or start.utcoffset() is None:
            self._problems.add(
                ("clock", "start"), f'must be like "2025-01-01T00:00:00Z", is "{clock.start}"'
            )

    # -- venues ----------------------------------------------------------------------------------

    def _venues(self) -> tuple[VenueTable | None, ...]:
        value = self._content.get("venues", [])
        if not isinstance(value, list):
            self._problems.add(("venues",), "must be a list of tables, written [[venues]]")
            return ()
        return tuple(self._venue(index, entry) for index, entry in enumerate(value))

    def _venue(self, index: int, entry: Any) -> VenueTable | None:
        """Read one [[venues]] with the table of its kind."""
        path: KeyPath = ("venues", index)
        if not isinstance(entry, Mapping):
            self._problems.add(path, "must be a table")
            return None
        kind = entry.get("kind")
        plugin = self._plugin(kind, path) if isinstance(kind, str) else None
        own = entry.get(kind, {}) if plugin is not None else None
        # Of an unknown kind nobody knows the table, so it is not judged.
        rest = {
            key: item
            for key, item in entry.items()
            if key in VenueTable.__struct_fields__
            or (key != kind and (plugin is not None or not isinstance(item, Mapping)))
        }
        table = convert(rest, VenueTable, path, self._problems)
        name = entry.get("name")
        if table is MISSING or plugin is None:
            self._unreadable.append(name if isinstance(name, str) else "")
            return None
        assert isinstance(table, VenueTable)
        if table.account != "main":
            self._problems.add((*path, "account"), 'only "main" is supported so far')
        self._transport(table, path)
        options = convert(own, plugin.options, (*path, plugin.kind), self._problems)
        if options is MISSING:
            self._unreadable.append(table.name)
            return table
        self._secrets(options, (*path, plugin.kind))
        for key, text in plugin.check(options):
            self._problems.add((*path, plugin.kind, *key.split(".")), text)
        check_capabilities(index, table, plugin.capability(options), self._problems)
        self._options[table.name] = options
        self._list_instruments(table, plugin, options, path)
        return table

    def _secrets(self, options: msgspec.Struct, path: KeyPath) -> None:
        """Note every secret that a table refers to and that is not there."""
        folder = Path(self._problems.file).parent
        for name in options.__struct_fields__:
            value = getattr(options, name)
            if isinstance(value, SecretRef):
                text = missing(value, self._environment, folder)
                if text:
                    self._problems.add((*path, name), f"{value}: {text}")

    def _plugin(self, kind: str, path: KeyPath) -> Any:
        try:
            return self._plugins.venues.get(kind)
        except PluginError as error:
            guess = nearest(kind, self._plugins.venues.names())
            self._problems.add((*path, "kind"), str(error), guess)
            return None

    def _transport(self, table: VenueTable, path: KeyPath) -> None:
        known = self._plugins.transports.names()
        if table.transport and table.transport not in known:
            guess = nearest(table.transport, known)
            text = f"no such transport; installed: {', '.join(known) or 'none'}"
            self._problems.add((*path, "transport"), text, guess)

    def _list_instruments(
        self, table: VenueTable, plugin: Any, options: Any, path: KeyPath
    ) -> None:
        listed: dict[str, Instrument] = {}
        for index, row in enumerate(table.instruments):
            try:
                item = row.instrument(table.name)
            except DomainError as error:
                self._problems.add((*path, "instruments", index), str(error))
                self._unreadable.append(table.name)
                continue
            if item.key in listed:
                self._problems.add(
                    (*path, "instruments", index, "symbol"), f"{item.symbol} is listed already"
                )
            listed[item.key] = item
        if not table.instruments:
            listed = {item.key: item for item in plugin.instruments(table.name, options)}
        self._listings[table.name] = tuple(listed.values())
        for symbol, price in plugin.prices(options).items():
            self._prices[f"{table.name}:{symbol}"] = price
