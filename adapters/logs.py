"""The log: one line per event on standard error, or JSON lines, with secrets taken out.

Two nets: every secret that was resolved is replaced wherever it turns up, and so is anything that
looks like a private key or stands behind a name like ``token=``.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, TextIO

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

    from config.secrets import Secret

__all__ = ["Redactor", "logger", "set_up"]

HIDDEN = "***"
_KEY = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{64}(?![0-9A-Za-z])")
_NAMED = re.compile(
    r"(?i)\b(api[_-]?key|secret|password|passphrase|token|authorization|mnemonic|private[_-]?key)"
    r"""(["']?\s*[:=]\s*["']?)(?!env:|fd:|keystore:)[^\s"',;}]+"""
)
_LENGTH_MIN = 4
_FORMAT = "{time:YYYY-MM-DDTHH:mm:ss.SSS!UTC}Z {level: <7} {message}\n"


class Redactor:
    """Takes secrets out of a text."""

    def __init__(self) -> None:
        """Know no secret yet."""
        self._values: list[str] = []

    def learn(self, secret: Secret) -> None:
        """Hide this secret from now on; one shorter than 4 characters would hide half the log."""
        value = secret.reveal()
        if len(value) >= _LENGTH_MIN:
            self._values.append(value)
            self._values.sort(key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return a text without secrets."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return _NAMED.sub(rf"\1\2{HIDDEN}", _KEY.sub(HIDDEN, text))


def set_up(*, level: str = "INFO", json: bool = False, stream: TextIO | None = None) -> Redactor:
    """Send the log to standard error (or a stream) and return what learns secrets.

    A failing sink raises nothing: trading does not stop because a terminal went away.
    """
    redactor = Redactor()
    target = stream if stream is not None else sys.stderr

    def write(message: Message) -> None:
        target.write(redactor.clean(str(message)))
        target.flush()

    def line(_: Record) -> str:
        # The record's own exception text would show local variables.
        return _FORMAT + ("{exception}\n" if _["exception"] else "")

    logger.remove()
    logger.add(
        write,
        level=level,
        format="{message}" if json else line,
        serialize=json,
        backtrace=False,
        diagnose=False,
        catch=True,
    )
    return redactor
