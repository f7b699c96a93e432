"""The engine: one actor class and one kernel under three runtimes; it knows no trading.

docs/runtime.md states what it guarantees.
"""

from __future__ import annotations

from actors.runtime.actor import Actor, handles
from actors.runtime.errors import (
    BlockingRefusedError,
    EngineError,
    InvariantError,
    MailboxOverflowError,
    RestartBudgetError,
    SpecError,
    UnhandledMessageError,
)
from actors.runtime.kernel import Kernel
from actors.runtime.mailbox import OverflowPolicy
from actors.runtime.message import CONTROL, JOURNALLED, PLAIN, Message
from actors.runtime.simulated import SimulatedRuntime
from actors.runtime.specs import (
    ActorSpec,
    Backoff,
    ChildSpec,
    FlattenScope,
    Restart,
    RunsOn,
    Strategy,
    SupervisorSpec,
)
from actors.runtime.supervisor import Supervisor
from actors.runtime.system import (
    ChildEnded,
    ChildStarted,
    Exit,
    ExitKind,
    FailurePlace,
    InspectQuery,
    InspectReply,
    MessageRefused,
    RequestTimedOut,
    ScopeLost,
    StopRequested,
    Terminated,
)
from actors.runtime.timers import Timer
from actors.runtime.topics import Topic

__all__ = [
    "CONTROL",
    "JOURNALLED",
    "PLAIN",
    "Actor",
    "ActorSpec",
    "Backoff",
    "BlockingRefusedError",
    "ChildEnded",
    "ChildSpec",
    "ChildStarted",
    "EngineError",
    "Exit",
    "ExitKind",
    "FailurePlace",
    "FlattenScope",
    "InspectQuery",
    "InspectReply",
    "InvariantError",
    "Kernel",
    "MailboxOverflowError",
    "Message",
    "MessageRefused",
    "OverflowPolicy",
    "RequestTimedOut",
    "Restart",
    "RestartBudgetError",
    "RunsOn",
    "ScopeLost",
    "SimulatedRuntime",
    "SpecError",
    "StopRequested",
    "Strategy",
    "Supervisor",
    "SupervisorSpec",
    "Terminated",
    "Timer",
    "Topic",
    "UnhandledMessageError",
    "handles",
]
