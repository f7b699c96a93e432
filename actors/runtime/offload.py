"""Work on threads: an actor's steps run on its own thread, their effects on the kernel's.

Everything that the kernel keeps is touched on the kernel's thread only. A step carries the time and
sequence of its hand-over; what it sends, starts and answers takes effect at one point of the total
order, when the step is done: that is the one input a recording needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.runtime.autopsy import autopsy
from actors.runtime.envelope import place_of
from actors.runtime.mailbox import Life
from actors.runtime.ref import in_worker
from actors.runtime.system import FailurePlace, StopRequested
from actors.runtime.threadcontext import ThreadContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.runtime.autopsy import Report
    from actors.runtime.envelope import Envelope
    from actors.runtime.kernel import Kernel
    from actors.runtime.mailbox import Mailbox, Table

__all__ = ["hand_over", "run_step"]


def hand_over(kernel: Kernel, box: Mailbox, table: Table) -> Callable[[Any], None]:
    """Return the handler that the kernel sees: it runs the actor's own one on its thread."""

    def to_thread(message: Any) -> None:
        envelope = box.last[-1]
        if type(message) is StopRequested:
            box.life = Life.STOPPING
        handler = table[type(message)]
        step = lambda: handler(message)  # noqa: E731 - two words
        run_step(kernel, box, envelope, step, place_of(envelope), message)

    return to_thread


def run_step(  # noqa: PLR0917 - the whole of one step
    kernel: Kernel,
    box: Mailbox,
    envelope: Envelope | None,
    step: Callable[[], object],
    place: FailurePlace,
    message: Any = None,
) -> None:
    """Run a step on the thread of an actor that has no other step under way.

    envelope is what the step handles, if anything; message is what a failure is blamed on.
    """
    worker, context = box.worker, box.context
    assert worker is not None
    assert isinstance(context, ThreadContext)
    context.begin(envelope)
    box.busy = True

    def job() -> None:
        token = in_worker.set(True)
        report: Report | None = None
        escaped: BaseException | None = None
        try:
            step()
        except Exception as error:  # noqa: BLE001 - carried to the kernel's thread
            report = autopsy(context.actor, error, place, message)
        except BaseException as error:  # noqa: BLE001 - leaves by the scheduler, as elsewhere
            escaped = error
        finally:
            in_worker.reset(token)
        kernel.post(lambda: _done(kernel, box, context, report, escaped))

    worker.submit(job)


def _done(
    kernel: Kernel,
    box: Mailbox,
    context: ThreadContext,
    report: Report | None,
    escaped: BaseException | None,
) -> None:
    """Carry out the effects of a step, unless its instance was ended meanwhile."""
    if box.context is not context:
        return
    lifecycle = kernel.lifecycle
    box.busy = False
    kernel.cause, kernel.acting = context.cause, box
    effects, context.effects = context.effects, []
    try:
        for effect in effects:
            effect()
    except Exception as error:  # noqa: BLE001 - an effect that the kernel refused
        if report is None:
            lifecycle.fail(box, error, FailurePlace.HANDLER, None)
    finally:
        if report is not None:
            lifecycle.ended_badly(box, report)
        kernel.cause, kernel.acting = 0, kernel.nobody
        if not box.busy:
            lifecycle.unpark(box)
    if escaped is not None:
        raise escaped
