"""Every message is frozen, documented, and made of immutable parts: found by walking the types."""

import enum
import importlib
import pkgutil
import types
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

import actors.messages
import actors.runtime
from actors.runtime.message import CONTROL, JOURNALLED, PLAIN, Message
from domain.value import Value

SCALARS = (bool, int, float, str, bytes, type(None), Decimal)
LANES = (PLAIN, CONTROL, JOURNALLED, CONTROL | JOURNALLED)


def subclasses(base: type[Any]) -> Iterator[type[Any]]:
    """Yield every class below a base."""
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)


def catalogue() -> list[type[Message]]:
    """Return every message of the production packages, by name."""
    for package in (actors.messages, actors.runtime):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found = {
        f"{cls.__module__}.{cls.__qualname__}": cls
        for cls in subclasses(Message)
        if cls.__module__.startswith("actors.")
    }
    return [found[name] for name in sorted(found)]


def faults(kind: object, *, where: str = "") -> Iterator[str]:
    """Yield what is mutable, or not known to be immutable, in a field's type."""
    origin = get_origin(kind)
    if kind in SCALARS or origin is Literal:
        return
    if origin in (Union, types.UnionType):
        for part in get_args(kind):
            yield from faults(part, where=where)
    elif origin is tuple:
        for part in get_args(kind):
            if part is not Ellipsis:
                yield from faults(part, where=where)
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        return
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from struct_faults(kind)
    else:
        yield f"{where}: {kind}"


def struct_faults(cls: type[msgspec.Struct]) -> Iterator[str]:
    """Yield what is wrong with a struct and the types of its fields."""
    if not cls.__struct_config__.frozen:
        yield f"{cls.__qualname__} is not frozen"
    for field in msgspec.structs.fields(cls):
        yield from faults(field.type, where=f"{cls.__qualname__}.{field.name}")


CATALOGUE = catalogue()


@pytest.mark.parametrize("cls", CATALOGUE, ids=lambda cls: cls.__qualname__)
def test_a_message_is_immutable_and_documented(cls: type[Message]) -> None:
    """A message is frozen, keyword-only, tagged and documented; its fields cannot be changed."""
    assert list(struct_faults(cls)) == []
    config = cls.__struct_config__
    assert config.tag == cls.__name__
    assert not config.gc
    assert cls.__doc__
    assert not cls.__doc__.startswith(cls.__name__ + "(")
    assert cls.flags in LANES
    with pytest.raises(TypeError):
        cls(None)


def test_the_walk_finds_the_catalogue() -> None:
    """The walk reaches the messages of the trading actors and those of the engine."""
    modules = {cls.__module__ for cls in CATALOGUE}
    assert {"actors.messages.market", "actors.messages.venue", "actors.runtime.system"} <= modules


def test_no_two_messages_share_a_tag() -> None:
    """A tag names one message in the whole catalogue, so that a record can be read back."""
    tags = [cls.__struct_config__.tag for cls in CATALOGUE]
    assert sorted(tags, key=str) == sorted(set(tags), key=str)


class Good(Message, kw_only=True):
    """A message with all that is allowed."""

    side: Literal["buy", "sell"]
    price: Decimal | None
    levels: tuple[tuple[int, int], ...]
    lane: enum.Enum


class Loose(msgspec.Struct):
    """A value that can be changed."""

    number: int


@pytest.mark.parametrize(
    "kind",
    [
        list[int],
        dict[str, int],
        set[int],
        frozenset[int],
        bytearray,
        Any,
        object,
        Callable[[], None],
        tuple[list[int], ...],
        int | dict[str, int],
        tuple,
        Loose,
    ],
)
def test_the_walk_refuses_what_can_be_changed(kind: object) -> None:
    """Each kind of mutable or unknown field is found, at any depth."""
    assert list(faults(kind))


def test_the_walk_accepts_what_cannot() -> None:
    """Scalars, enums, tuples, literals and other messages pass."""
    assert list(struct_faults(Good)) == []
    assert issubclass(Value, msgspec.Struct)
