"""Secrets stay out of TOML: a config holds references, and what they mean is never printed.

Three places are known: ``env:NAME``; ``fd:N``, read once to its end; and ``keystore:FILE#name``, a
private key in a JSON file of names and Web3 secret storage objects (version 3), opened with the
password in KEEL_KEYSTORE_PASSWORD.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

__all__ = [
    "PASSWORD_VARIABLE",
    "Secret",
    "SecretError",
    "SecretRef",
    "missing",
    "parse_reference",
    "resolve",
]

PASSWORD_VARIABLE = "KEEL_KEYSTORE_PASSWORD"  # noqa: S105 - the variable's name
_FORMS = "env:NAME, keystore:FILE#name or fd:N"
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LENGTH_MAX = 65_536


class SecretError(Exception):
    """A reference is malformed, or nothing is where it points; the text never has the value."""


class SecretRef(msgspec.Struct, frozen=True):
    """Where a secret is kept: source is env, keystore or fd; name and file say where in it."""

    source: str
    name: str
    file: str = ""

    def __str__(self) -> str:
        """Return the reference as a config writes it."""
        return (
            f"{self.source}:{self.file}#{self.name}" if self.file else f"{self.source}:{self.name}"
        )


class Secret:
    """A resolved secret; only ``reveal`` shows it, so that no log, repr or journal does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Keep the value."""
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Return the same text for every secret."""
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        """Refuse to be copied into a file or another process.

        Raises: SecretError.
        """
        raise SecretError("a secret is not written down")


def parse_reference(text: str) -> SecretRef:
    """Return the reference that a config writes.

    Raises: SecretError, without the text: what is no reference may be the secret itself.
    """
    source, colon, rest = text.partition(":")
    if colon and source == "env" and _ENVIRONMENT.fullmatch(rest):
        return SecretRef(source="env", name=rest)
    if colon and source == "fd" and rest.isascii() and rest.isdigit():
        return SecretRef(source="fd", name=rest)
    file, mark, name = rest.rpartition("#")
    if colon and source == "keystore" and mark and file and name:
        return SecretRef(source="keystore", name=name, file=file)
    raise SecretError(f"a secret is written {_FORMS}, never in the file itself")


def missing(
    reference: SecretRef, environment: Mapping[str, str], folder: Path | None = None
) -> str:
    """Return why a reference cannot be resolved here, "" if it can; nothing secret is read."""
    if reference.source == "env" and not environment.get(reference.name):
        return f"the environment has no {reference.name}"
    if reference.source == "keystore":
        if not ((folder or Path()) / reference.file).expanduser().is_file():
            return f"there is no keystore {reference.file}"
        if not environment.get(PASSWORD_VARIABLE):
            return f"the environment has no {PASSWORD_VARIABLE} to open the keystore with"
    return ""


def resolve(
    reference: SecretRef, environment: Mapping[str, str], folder: Path | None = None
) -> Secret:
    """Return the secret that a reference points to; a relative keystore lies in folder.

    Raises: SecretError if there is none, or it is empty.
    """
    if reference.source == "env":
        value = environment.get(reference.name, "")
        if not value:
            raise SecretError(f"{reference}: the environment has no {reference.name}")
        return Secret(value)
    if reference.source == "fd":
        return Secret(_read_descriptor(reference))
    return Secret(_read_keystore(reference, environment, folder or Path()))


def _read_descriptor(reference: SecretRef) -> str:
    try:
        with os.fdopen(int(reference.name), "rb") as stream:
            value = stream.read(_LENGTH_MAX + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{reference}: cannot be read ({type(error).__name__})") from None
    if not value or len(value) > _LENGTH_MAX:
        raise SecretError(f"{reference}: holds nothing, or more than {_LENGTH_MAX} characters")
    return value


def _read_keystore(reference: SecretRef, environment: Mapping[str, str], folder: Path) -> str:
    from eth_keyfile.keyfile import decode_keyfile_json  # noqa: PLC0415 - takes half a second

    password = environment.get(PASSWORD_VARIABLE, "")
    if not password:
        raise SecretError(f"{reference}: set {PASSWORD_VARIABLE} to open it")
    try:
        entries = json.loads((folder / reference.file).expanduser().read_text(encoding="utf-8"))
        entry = entries[reference.name]
    except (OSError, ValueError) as error:
        raise SecretError(f"{reference}: cannot be read ({type(error).__name__})") from None
    except (KeyError, TypeError):
        raise SecretError(f"{reference}: the keystore has no entry of that name") from None
    try:
        # The library hashes bytes, whatever its annotation says.
        return f"0x{bytes(decode_keyfile_json(entry, password.encode())).hex()}"  # type: ignore[arg-type]
    except (ValueError, TypeError, KeyError):
        raise SecretError(f"{reference}: the password does not open it") from None
