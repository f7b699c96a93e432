"""TOML values to frozen structs, with every mismatch noted instead of the first one raised.

Money is exact: the parser hands floats over as Decimals of their text, so ``0.1`` is 0.1; only a
field that is declared float becomes one. NaN and infinity are refused for every type.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from config.bounds import check_bounds
from config.lines import KeyPath
from config.problems import Problems, nearest
from config.secrets import SecretError, SecretRef, parse_reference
from domain.errors import DomainError

__all__ = ["MISSING", "convert", "fields_of", "type_name"]


class _Missing:
    """Stands for a value that could not be made; the problem is noted already."""


MISSING = _Missing()
_MAGNITUDE_MAX = 40
_SECRET_WORDS = ("key", "secret", "password", "passphrase", "token", "mnemonic")


def fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields that a config may set, in order."""
    return msgspec.structs.fields(struct)


def convert(value: object, wanted: Any, path: KeyPath, problems: Problems) -> Any:
    """Return a TOML value as the wanted type, or MISSING with every reason in problems."""
    if typing.get_origin(wanted) is typing.Annotated:
        wanted = typing.get_args(wanted)[0]
    if isinstance(wanted, types.UnionType) or typing.get_origin(wanted) is typing.Union:
        options = [option for option in typing.get_args(wanted) if option is not types.NoneType]
        if len(options) == 1:
            return convert(value, options[0], path, problems)
        return _scalar_of(value, options, path, problems)
    if wanted is SecretRef:
        return _secret(value, path, problems)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        return _struct(value, wanted, path, problems)
    origin = typing.get_origin(wanted)
    if origin is tuple:
        return _tuple(value, typing.get_args(wanted)[0], path, problems)
    if origin is dict:
        return _dict(value, typing.get_args(wanted)[1], path, problems)
    if origin is typing.Literal:
        return _choice(value, {str(x): x for x in typing.get_args(wanted)}, path, problems)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _choice(value, {str(x.value): x for x in wanted}, path, problems)
    return _scalar(value, wanted, path, problems)


def type_name(wanted: Any) -> str:
    """Return a type in the words of somebody who writes TOML."""
    if typing.get_origin(wanted) is typing.Annotated:
        wanted = typing.get_args(wanted)[0]
    if isinstance(wanted, types.UnionType) or typing.get_origin(wanted) is typing.Union:
        options = [option for option in typing.get_args(wanted) if option is not types.NoneType]
        return " or ".join(type_name(option) for option in options)
    origin = typing.get_origin(wanted)
    if origin is typing.Literal:
        return " or ".join(f'"{choice}"' for choice in typing.get_args(wanted))
    if origin is tuple:
        return f"list of {type_name(typing.get_args(wanted)[0])}"
    if origin is dict:
        return "table"
    if wanted in _NAMES:
        return _NAMES[wanted]
    if issubclass(wanted, Enum):
        return " or ".join(f'"{choice.value}"' for choice in wanted)
    return "table"


_NAMES: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Decimal: "number",
    SecretRef: "secret reference",
}


def _struct(
    value: object, struct: type[msgspec.Struct], path: KeyPath, problems: Problems
) -> msgspec.Struct | _Missing:
    if not isinstance(value, Mapping):
        problems.add(path, f"must be a table, is {_shown(value)}")
        return MISSING
    fields = {field.encode_name: field for field in fields_of(struct)}
    meant = [
        _unknown(key, (*path, key), list(fields), problems) for key in value if key not in fields
    ]
    arguments: dict[str, Any] = {}
    complete = True
    for key, field in fields.items():
        if key not in value:
            complete = complete and not field.required
            if field.required and key not in meant:
                problems.add((*path, key), f"is missing (a {type_name(field.type)})")
            elif field.default is not msgspec.NODEFAULT:
                arguments[field.name] = field.default
            continue
        converted = convert(value[key], field.type, (*path, key), problems)
        if converted is MISSING:
            complete = False
        else:
            arguments[field.name] = converted
    check_bounds(struct, arguments, path, problems)
    if not complete:
        return MISSING
    try:
        return struct(**arguments)
    except DomainError as error:
        problems.add(path, str(error))
        return MISSING


def _unknown(key: str, path: KeyPath, valid: list[str], problems: Problems) -> str:
    """Note an unknown key and return the valid one that it was likely meant to be, or ""."""
    guess = nearest(key, valid)
    if not guess and any(word in key.lower().split("_") for word in _SECRET_WORDS):
        problems.add(path, "unknown key; a secret belongs in the environment, never in this file")
    else:
        listed = "" if guess or not valid else f"; valid here: {', '.join(valid)}"
        problems.add(path, f"unknown key{listed}", guess)
    return guess


def _tuple(
    value: object, item: Any, path: KeyPath, problems: Problems
) -> tuple[Any, ...] | _Missing:
    if not isinstance(value, list):
        problems.add(path, f"must be a list, is {_shown(value)}")
        return MISSING
    items = [convert(entry, item, (*path, index), problems) for index, entry in enumerate(value)]
    return MISSING if MISSING in items else tuple(items)


def _dict(value: object, item: Any, path: KeyPath, problems: Problems) -> dict[str, Any] | _Missing:
    if not isinstance(value, Mapping):
        problems.add(path, f"must be a table, is {_shown(value)}")
        return MISSING
    entries = {key: convert(entry, item, (*path, key), problems) for key, entry in value.items()}
    return MISSING if MISSING in entries.values() else entries


def _choice(value: object, choices: dict[str, Any], path: KeyPath, problems: Problems) -> Any:
    if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value) in choices:
        return choices[str(value)]
    listed = ", ".join(f'"{choice}"' for choice in choices)
    guess = nearest(value, choices) if isinstance(value, str) else ""
    problems.add(path, f"must be one of {listed}, is {_shown(value)}", guess)
    return MISSING


def _secret(value: object, path: KeyPath, problems: Problems) -> SecretRef | _Missing:
    try:
        return parse_reference(value if isinstance(value, str) else "")
    except SecretError as error:
        problems.add(path, str(error))
        return MISSING


def _scalar_of(value: object, options: list[Any], path: KeyPath, problems: Problems) -> Any:
    """Return a value of whichever scalar type it has; a Decimal may stand for a float."""
    kind = float if type(value) is Decimal and Decimal not in options else type(value)
    if kind not in options:
        names = " or ".join(type_name(option) for option in options)
        problems.add(path, f"must be {names}, is {_shown(value)}")
        return MISSING
    return _scalar(value, kind, path, problems)


def _scalar(value: object, wanted: Any, path: KeyPath, problems: Problems) -> Any:
    if isinstance(value, Decimal) and not _is_sane(value):
        problems.add(path, f"must be a finite number of ordinary size, is {value}")
        return MISSING
    if type(value) is wanted:
        return value
    if wanted is Decimal and type(value) is int:
        return Decimal(value)
    if wanted is float and type(value) in (int, Decimal):
        return float(value)  # type: ignore[arg-type]
    problems.add(path, f"must be a {type_name(wanted)}, is {_shown(value)}")
    return MISSING


def _is_sane(value: Decimal) -> bool:
    return value.is_finite() and (not value or abs(value.adjusted()) <= _MAGNITUDE_MAX)


def _shown(value: object) -> str:
    """Return what stands in the file, short; what could be a secret is not repeated."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"a text of {len(value)} characters" if _OPAQUE.search(value) else f'"{value}"'
    return str(value)


# Long runs of letters and digits, and long texts, may be keys or phrases.
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_-]{24}|.{60}", re.DOTALL)
