"""Order identity: every client id says which deployment, run, owner and leg made it.

0x dddddddd iiiiii oooooo ll cccccccccc        (32 hexadecimal digits, 128 bits)
   |        |      |      |  counter, rising by one per issuer
   |        |      |      leg of a pair: 0 for an owner without legs
   |        |      owner: a stable function of the owner's address
   |        incarnation: new at each start, made durable before the first order
   deployment: one per account and config, so that foreign orders show
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from domain.errors import DomainError
from domain.value import Value

__all__ = [
    "ClientIdIssuer",
    "ClientIdParts",
    "ClientIdScheme",
    "is_ours",
    "owner_number",
    "owner_numbers",
    "parse",
]

_DEPLOYMENT_MAX = 2**32 - 1
_INCARNATION_MAX = 2**24 - 1
_OWNER_MAX = 2**24 - 1
_LEG_MAX = 2**8 - 1
_COUNTER_MAX = 2**40 - 1
_FORM = re.compile(r"0x([0-9a-f]{8})([0-9a-f]{6})([0-9a-f]{6})([0-9a-f]{2})([0-9a-f]{10})")


class ClientIdParts(Value, kw_only=True):
    """What a client id says about the order that carries it."""

    deployment: int
    incarnation: int
    owner: int
    leg: int
    counter: int


class ClientIdIssuer:
    """Gives one owner's leg a new client id each time; none is ever given twice in one run."""

    __slots__ = ("_counter", "_prefix")

    def __init__(self, prefix: str) -> None:
        """Take the fixed first 24 characters; only ClientIdScheme.issuer makes them."""
        self._prefix = prefix
        self._counter = 0

    def next(self) -> str:
        """Return the next id.

        Raises: DomainError when the 40 bits of the counter are used up.
        """
        self._counter = counter = self._counter + 1
        if counter > _COUNTER_MAX:
            raise DomainError(f"no client ids are left under {self._prefix}: restart to go on")
        return f"{self._prefix}{counter:010x}"


class ClientIdScheme(Value, kw_only=True):
    """The client ids of one run of one deployment."""

    deployment: int
    incarnation: int

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit their field.

        Raises: DomainError.
        """
        _require_range("deployment", self.deployment, _DEPLOYMENT_MAX)
        _require_range("incarnation", self.incarnation, _INCARNATION_MAX)

    def issuer(self, owner: int, leg: int = 0) -> ClientIdIssuer:
        """Return the source of ids for one owner's leg; ask once per owner, leg and run.

        Raises: DomainError if owner or leg does not fit its field.
        """
        _require_range("owner", owner, _OWNER_MAX)
        _require_range("leg", leg, _LEG_MAX)
        return ClientIdIssuer(f"0x{self.deployment:08x}{self.incarnation:06x}{owner:06x}{leg:02x}")


def parse(text: str) -> ClientIdParts:
    """Return what a client id says.

    Raises: DomainError if the text is not of our form.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise DomainError(f"not a client id of ours (0x and 32 hexadecimal digits): {text!r}")
    deployment, incarnation, owner, leg, counter = (int(part, 16) for part in match.groups())
    return ClientIdParts(
        deployment=deployment, incarnation=incarnation, owner=owner, leg=leg, counter=counter
    )


def is_ours(text: str, deployment: int) -> bool:
    """Tell whether an id was made by this deployment, in any of its runs; a foreign form is not."""
    match = _FORM.fullmatch(text)
    return match is not None and int(match[1], 16) == deployment


def owner_number(address: str) -> int:
    """Return the 24-bit number of an owner: the same in every process and run."""
    return int.from_bytes(blake2b(address.encode(), digest_size=3).digest())


def owner_numbers(addresses: Iterable[str]) -> dict[str, int]:
    """Return the number of every owner of a deployment; checked once, when the config is.

    Raises: DomainError if two addresses share a number; renaming either resolves it.
    """
    owners: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for address in addresses:
        number = owner_number(address)
        other = owners.setdefault(number, address)
        if other != address:
            raise DomainError(f"{other} and {address} share the owner number {number}: rename one")
        numbers[address] = number
    return numbers


def _require_range(name: str, value: int, value_max: int) -> None:
    if not 0 <= value <= value_max:
        raise DomainError(f"{name} must lie in 0..{value_max}, is {value}")
