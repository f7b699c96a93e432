"""Requests: two messages and a deadline, matched by a number; what comes late is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.runtime.envelope import is_request
from actors.runtime.errors import EngineError
from actors.runtime.system import RequestTimedOut

if TYPE_CHECKING:
    from actors.runtime.envelope import Envelope
    from actors.runtime.kernel import Kernel
    from actors.runtime.mailbox import Mailbox

__all__ = ["answer", "ask", "in_hand", "reply"]


def ask(  # noqa: PLR0917 - the whole of one request
    kernel: Kernel, box: Mailbox, number: int, address: str, message: Any, timeout_ns: int
) -> None:
    """Send a request of a box under a number that it has not used before."""
    expired = RequestTimedOut(address=address, message=type(message).__name__, request=number)
    box.pending[number] = kernel.after(box, timeout_ns, expired, request=number)
    kernel.tell(address, message, -number)


def reply(kernel: Kernel, message: Any) -> None:
    """Answer the message being handled."""
    answer(kernel, in_hand(kernel), message)


def in_hand(kernel: Kernel) -> Envelope:
    """Return the envelope being handled.

    Raises: EngineError where there is none: in a start hook, in what was published, in an input.
    """
    last = kernel.acting.last
    if not last or last[-1][1] != kernel.cause:
        raise EngineError("there is no message to reply to")
    return last[-1]


def answer(kernel: Kernel, envelope: Envelope, message: Any) -> None:
    """Answer an envelope; the answer to a plain message is a plain message to its sender.

    Of the answers to a request the first in time is delivered; others are late.
    """
    asker = envelope[3]
    if not asker:
        waiting = kernel.outside.pop(envelope[1], None)
        if waiting is not None:
            waiting.set(message)
            return
        kernel.sequence += 1
        kernel.bury("", kernel.sequence, kernel.sender, message, "nobody outside waits for it")
        return
    if not is_request(envelope):
        kernel.tell(asker, message)
        return
    number = -envelope[5]
    box = kernel.boxes[asker]
    if box.table is not None:
        deadline = box.pending.get(number)
        if deadline is None or deadline.answered:
            box.late += 1
            kernel.sequence += 1
            kernel.bury(asker, kernel.sequence, kernel.sender, message, "late reply")
            return
        deadline.answered = True
    kernel.tell(asker, message, number)
