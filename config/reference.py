"""The reference of the config file, from the schema itself; a test holds the page equal to it.

``python -m config.reference > docs/configuration.md`` writes it anew.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum

import msgspec

from actors.settings import PairSettings, StrategySettings, VenueSettings
from config.bounds import range_of
from config.convert import fields_of, type_name
from config.load import TABLES
from config.plugins import Plugins, installed
from config.schema import InstrumentTable, TierTable, VenueTable
from domain.checks import RiskLimits

__all__ = ["markdown"]

_INTRODUCTION = """\
# Configuration

One TOML file describes a deployment. `keel check FILE` reports everything that is wrong with it at
once: file, line, key, what is wrong, and the nearest valid name. This page is generated from the
schema (`python -m config.reference > docs/configuration.md`).

Numbers are exact: `0.1` is one tenth, not the float beside it. `nan` and `inf` are refused.
Durations are in milliseconds of the run's own time, which in paper trading may run faster than the
wall clock.

**Secrets** never stand in the file. Where a table takes one, it takes a reference: `env:NAME` (an
environment variable), `keystore:FILE#name` (an encrypted private key, opened with the password in
`KEEL_KEYSTORE_PASSWORD`) or `fd:N` (an open file descriptor, read once).
"""

_LISTS: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("[[venues]]", VenueTable),
    ("[venues.connection]", VenueSettings),
    ("[[venues.instruments]]", InstrumentTable),
    ("[[venues.instruments.tiers]]", TierTable),
    ("[[pairs]]", PairSettings),
    ("[[strategies]]", StrategySettings),
)


def markdown(plugins: Plugins | None = None) -> str:
    """Return the page: every table with its fields, types, defaults and ranges."""
    plugins = plugins or installed()
    sections = [_INTRODUCTION]
    sections += [_section(f"[{name}]", struct) for name, struct in TABLES.items()]
    sections.append(_section("[risk.limits]", RiskLimits))
    sections += [_section(name, struct) for name, struct in _LISTS]
    for kind in plugins.venues.names():
        options = plugins.venues.get(kind).options
        sections += [_section(f"[venues.{name}]", table) for name, table in _tables(kind, options)]
    return "\n".join(sections)


def _tables(name: str, struct: type[msgspec.Struct]) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Yield a plugin's table and those within it."""
    yield name, struct
    for field in fields_of(struct):
        for inner in (field.type, *getattr(field.type, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from _tables(f"{name}.{field.name}", inner)


def _section(title: str, struct: type[msgspec.Struct]) -> str:
    """Return the heading, the docstring and one row per field."""
    rows = [
        f"| `{f.name}` | {_type(f.type)} | {_default(f)} | {_range(struct, f.name)} |"
        for f in fields_of(struct)
    ]
    table = "\n".join(("| key | type | default | range |", "|---|---|---|---|", *rows))
    return f"## `{title}`\n\n{inspect.getdoc(struct)}\n\n{table}\n"


def _type(wanted: object) -> str:
    return type_name(wanted).replace("|", "\\|")


def _range(struct: type[msgspec.Struct], name: str) -> str:
    limits = range_of(struct, name)
    return "" if limits is None else str(limits)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct):
        return "its own table"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f'`"{value.value}"`'
    if isinstance(value, str):
        return f'`"{value}"`'
    if value is None or (isinstance(value, (tuple, dict)) and not value):
        return "none"
    if isinstance(value, tuple):
        return "`" + ", ".join(str(item) for item in value) + "`"
    return f"`{value:f}`" if isinstance(value, Decimal) else f"`{value}`"


if __name__ == "__main__":
    sys.stdout.write(markdown())
