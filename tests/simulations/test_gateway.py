"""What only the simulated gateway has: its checks of each kind of frame, and its beats."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.messages.market import (
    BarClosed,
    FundingSettled,
    MarkUpdated,
    QuoteUpdated,
    TradePrinted,
)
from actors.messages.venue import (
    FundingPaid,
    GatewayProblem,
    OrderFinished,
    OrderLookup,
    ProblemKind,
)
from domain.errors import DomainError
from domain.orders import Liquidity, OrderState, Side
from simulations.gateway import SimulatedGateway
from simulations.wire import (
    AccountFrame,
    ArmSwitchFrame,
    ErrorFrame,
    ErrorKind,
    FillFrame,
    FinishedFrame,
    FundingFrame,
    OrderFrame,
    OrderLine,
    Ping,
    Pong,
    PositionLine,
    Subscribe,
    Subscribed,
)
from tests.simulations.stage import KEY, SECOND_NS, SYMBOL, make_instrument, make_quote

ONE = Decimal(1)
NAN = Decimal("NaN")
FILL = FillFrame(
    fill_id="1",
    client_id="c",
    symbol=SYMBOL,
    side=Side.BUY,
    quantity=ONE,
    price=ONE,
    fee=ONE,
    fee_currency="USDT",
    liquidity=Liquidity.TAKER,
    time_ns=1,
)
POSITION = PositionLine(
    symbol=SYMBOL,
    quantity=ONE,
    entry=ONE,
    mark=ONE,
    margin=ONE,
    maintenance=ONE,
    liquidation_price=None,
)
ORDER = OrderLine(
    client_id="c",
    symbol=SYMBOL,
    side=Side.BUY,
    quantity=ONE,
    filled=Decimal(0),
    price=ONE,
    reduce_only=False,
)
ACCOUNT = AccountFrame(
    request=1,
    time_ns=1,
    balance=ONE,
    equity=ONE,
    available=ONE,
    orders=(ORDER,),
    positions=(POSITION,),
    fills=(FILL,),
)
FINISHED = FinishedFrame(
    client_id="c", state=OrderState.CANCELLED, filled=ONE, reason="", time_ns=1
)
FUNDING = FundingFrame(payment_id="1", symbol=SYMBOL, amount=ONE, rate=ONE, time_ns=1)
LOOKUP = OrderFrame(request=1, client_id="c", state=None, filled=ONE, time_ns=1)
BAR = BarClosed(
    instrument=KEY,
    open_ticks=5,
    high_ticks=7,
    low_ticks=4,
    close_ticks=6,
    volume_lots=1,
    open_time_ns=1,
    close_time_ns=2,
)
TRADE = TradePrinted(instrument=KEY, price_ticks=5, quantity_lots=1, side=Side.BUY, venue_time_ns=1)
MARK = MarkUpdated(instrument=KEY, mark=ONE, index=ONE, venue_time_ns=1)
SETTLED = FundingSettled(instrument=KEY, rate=ONE, reference_price=ONE, venue_time_ns=1)


class Recorder:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.published: list[Any] = []
        self.emitted: list[Any] = []
        self.wakes: list[tuple[int, int]] = []

    def send(self, frame: object) -> None:
        """Keep a frame."""
        self.sent.append(frame)

    def market(self, event: object) -> None:
        """Keep market data."""
        self.published.append(event)

    def emit(self, event: object) -> None:
        """Keep an event."""
        self.emitted.append(event)

    def wake(self, delay_ns: int, token: int) -> None:
        """Keep a wake."""
        self.wakes.append((delay_ns, token))

    def problems(self) -> list[ProblemKind]:
        """Return the kinds of problems emitted."""
        return [event.kind for event in self.emitted if isinstance(event, GatewayProblem)]


def open_gateway(**options: Any) -> tuple[SimulatedGateway, Recorder]:
    """Return a connected and subscribed gateway and its sink, which has heard nothing since."""
    sink = Recorder()
    gateway = SimulatedGateway((make_instrument(),), sink=sink, **options)
    gateway.connected(SECOND_NS)
    gateway.received(Subscribed(symbol=SYMBOL), SECOND_NS)
    return gateway, sink


def numbered(sequence: Any, bid: int = 99, ask: int = 101) -> QuoteUpdated:
    """Return a quote with a sequence."""
    return msgspec.structs.replace(make_quote(bid, ask), sequence=sequence)


@pytest.mark.parametrize(
    "frame",
    [
        msgspec.structs.replace(FILL, quantity=NAN),
        msgspec.structs.replace(FILL, quantity=Decimal(0)),
        msgspec.structs.replace(FILL, quantity=Decimal(-1)),
        msgspec.structs.replace(FILL, price=Decimal("Infinity")),
        msgspec.structs.replace(FILL, price=Decimal(0)),
        msgspec.structs.replace(FILL, fee=NAN),
        msgspec.structs.replace(FILL, symbol="DOGE"),
        msgspec.structs.replace(FILL, fill_id=""),
        msgspec.structs.replace(FILL, client_id=""),
        msgspec.structs.replace(FILL, liquidation=True),
        msgspec.structs.replace(FINISHED, filled=NAN),
        msgspec.structs.replace(FINISHED, filled=Decimal(-1)),
        msgspec.structs.replace(FINISHED, state=OrderState.OPEN),
        msgspec.structs.replace(FUNDING, amount=NAN),
        msgspec.structs.replace(FUNDING, rate=NAN),
        msgspec.structs.replace(FUNDING, symbol="DOGE"),
        msgspec.structs.replace(LOOKUP, filled=NAN),
        msgspec.structs.replace(ACCOUNT, balance=NAN),
        msgspec.structs.replace(ACCOUNT, equity=NAN),
        msgspec.structs.replace(ACCOUNT, fills=(msgspec.structs.replace(FILL, price=NAN),)),
        msgspec.structs.replace(
            ACCOUNT, positions=(msgspec.structs.replace(POSITION, quantity=NAN),)
        ),
        msgspec.structs.replace(ACCOUNT, positions=(msgspec.structs.replace(POSITION, mark=NAN),)),
        msgspec.structs.replace(
            ACCOUNT, positions=(msgspec.structs.replace(POSITION, entry=Decimal(0)),)
        ),
        msgspec.structs.replace(ACCOUNT, orders=(msgspec.structs.replace(ORDER, symbol="DOGE"),)),
        msgspec.structs.replace(ACCOUNT, orders=(msgspec.structs.replace(ORDER, price=NAN),)),
        msgspec.structs.replace(ACCOUNT, orders=(msgspec.structs.replace(ORDER, quantity=NAN),)),
        Subscribed(symbol="DOGE"),
        Ping(token=1),
        b"\x00",
    ],
)
def test_a_private_frame_that_cannot_be_true_is_malformed(frame: Any) -> None:
    """It becomes one problem, with evidence, and no event."""
    gateway, sink = open_gateway()
    gateway.received(frame, SECOND_NS)
    assert [type(event) for event in sink.emitted] == [GatewayProblem]
    assert sink.problems() == [ProblemKind.MALFORMED]
    assert 0 < len(sink.emitted[0].detail) <= 200


def test_sound_private_frames_become_events() -> None:
    """The frames that the bad ones were made of are taken, so the tests above prove something."""
    gateway, sink = open_gateway()
    for frame in (FILL, FINISHED, FUNDING, LOOKUP, ACCOUNT):
        gateway.received(frame, SECOND_NS)
    assert sink.problems() == []
    assert len(sink.emitted) == 5
    assert isinstance(sink.emitted[2], FundingPaid)
    assert isinstance(sink.emitted[3], OrderLookup)


@pytest.mark.parametrize(
    "event",
    [
        msgspec.structs.replace(BAR, high_ticks=3),
        msgspec.structs.replace(BAR, low_ticks=0),
        msgspec.structs.replace(BAR, close_ticks=8),
        msgspec.structs.replace(BAR, open_ticks=3),
        msgspec.structs.replace(BAR, volume_lots=-1),
        msgspec.structs.replace(BAR, close_time_ns=1),
        msgspec.structs.replace(BAR, instrument="alpha:DOGE"),
        msgspec.structs.replace(TRADE, price_ticks=0),
        msgspec.structs.replace(TRADE, quantity_lots=-1),
        msgspec.structs.replace(MARK, mark=NAN),
        msgspec.structs.replace(MARK, index=Decimal(0)),
        msgspec.structs.replace(SETTLED, rate=NAN),
        msgspec.structs.replace(SETTLED, reference_price=Decimal("-Infinity")),
    ],
)
def test_market_data_that_cannot_be_true_is_not_published(event: Any) -> None:
    """It becomes a BAD_QUOTE that names its instrument."""
    gateway, sink = open_gateway()
    gateway.received(event, SECOND_NS)
    assert sink.published == []
    assert sink.problems() == [ProblemKind.BAD_QUOTE]
    assert sink.emitted[0].instrument == event.instrument


def test_sound_market_data_is_published_as_it_is() -> None:
    """The same objects come out, in their order."""
    gateway, sink = open_gateway()
    for event in (BAR, TRADE, MARK, SETTLED):
        gateway.received(event, SECOND_NS)
    assert sink.published == [BAR, TRADE, MARK, SETTLED]
    assert sink.emitted == []


@pytest.mark.parametrize(
    ("bid", "ask", "bid_lots", "ask_lots"),
    [
        (101, 99, 1, 1),
        (100, 100, 1, 1),
        (0, 100, 1, 1),
        (-1, 100, 1, 1),
        (float("nan"), 100, 1, 1),
        (99, float("nan"), 1, 1),
        (99, float("inf"), 1, 1),
        (99, 100, -1, 1),
        (99, 100, 1, float("nan")),
    ],
)
def test_a_quote_that_makes_no_sense_is_never_published(
    bid: Any,
    ask: Any,
    bid_lots: Any,
    ask_lots: Any,
) -> None:
    """BAD_QUOTE; and the sequence goes on, so that the next sound one is no gap."""
    gateway, sink = open_gateway()
    gateway.received(numbered(7), SECOND_NS)
    bad = msgspec.structs.replace(make_quote(bid, ask, bid_lots, ask_lots), sequence=8)
    gateway.received(bad, SECOND_NS)
    gateway.received(numbered(9), SECOND_NS)
    assert [quote.sequence for quote in sink.published] == [7, 9]
    assert sink.problems() == [ProblemKind.BAD_QUOTE]


def test_a_one_sided_quote_is_published() -> None:
    """A side without orders has size 0, and that is news."""
    gateway, sink = open_gateway()
    one_sided = msgspec.structs.replace(make_quote(99, 0, 5, 0), sequence=1)
    gateway.received(one_sided, SECOND_NS)
    assert sink.published == [one_sided]


def test_a_quote_of_no_instrument_of_ours_is_malformed() -> None:
    """Neither an unknown instrument nor a sequence that is no number is published."""
    gateway, sink = open_gateway()
    gateway.received(msgspec.structs.replace(numbered(1), instrument="alpha:DOGE"), SECOND_NS)
    gateway.received(numbered(float("nan")), SECOND_NS)
    assert sink.published == []
    assert sink.problems() == [ProblemKind.MALFORMED] * 2


def test_a_gap_subscribes_anew_and_drops_quotes_until_then() -> None:
    """One problem, one subscription; quotes in between are counted and not published."""
    gateway, sink = open_gateway()
    gateway.received(numbered(1), SECOND_NS)
    sink.sent.clear()
    for sequence in (3, 4, 5):
        gateway.received(numbered(sequence), SECOND_NS)
    assert sink.sent == [Subscribe(symbols=(SYMBOL,))]
    assert sink.problems() == [ProblemKind.SEQUENCE_GAP]
    assert gateway.dropped_quotes == 3
    gateway.received(Subscribed(symbol=SYMBOL), SECOND_NS)
    gateway.received(numbered(5), SECOND_NS)
    gateway.received(numbered(6), SECOND_NS)
    assert [quote.sequence for quote in sink.published] == [1, 5, 6]


def test_a_quote_that_was_seen_before_is_dropped_without_alarm() -> None:
    """A repeated or older sequence is counted; it is neither a gap nor news."""
    gateway, sink = open_gateway()
    for sequence in (5, 6, 6, 4, 7):
        gateway.received(numbered(sequence), SECOND_NS)
    assert [quote.sequence for quote in sink.published] == [5, 6, 7]
    assert gateway.dropped_quotes == 2
    assert sink.emitted == []


def test_a_subscription_that_is_not_answered_is_repeated() -> None:
    """At each beat, what still waits is asked for again."""
    sink = Recorder()
    gateway = SimulatedGateway((make_instrument(),), sink=sink)
    gateway.connected(SECOND_NS)
    (_, token) = sink.wakes[-1]
    gateway.received(Pong(token=token, time_ns=1), SECOND_NS)
    sink.sent.clear()
    gateway.woken(token, 6 * SECOND_NS)
    assert sink.sent[0] == Subscribe(symbols=(SYMBOL,))


def test_each_beat_arms_the_switch_further_ahead() -> None:
    """The deadline moves with time; with switch_ns 0 it is left alone."""
    gateway, sink = open_gateway(heartbeat_ns=SECOND_NS, switch_ns=3 * SECOND_NS)
    (delay_ns, token) = sink.wakes[-1]
    assert delay_ns == SECOND_NS
    gateway.received(Pong(token=token, time_ns=1), SECOND_NS)
    gateway.woken(token, 2 * SECOND_NS)
    armed = [frame.deadline_ns for frame in sink.sent if isinstance(frame, ArmSwitchFrame)]
    assert armed == [4 * SECOND_NS, 5 * SECOND_NS]
    _, alone = open_gateway(switch_ns=0)
    assert not [frame for frame in alone.sent if isinstance(frame, ArmSwitchFrame)]


def test_wakes_of_an_earlier_session_do_nothing() -> None:
    """After a reconnect the old token is ignored, and so is an old pong."""
    gateway, sink = open_gateway()
    (_, old) = sink.wakes[-1]
    gateway.disconnected(2 * SECOND_NS)
    gateway.connected(3 * SECOND_NS)
    (_, new) = sink.wakes[-1]
    sent = len(sink.sent)
    gateway.woken(old, 4 * SECOND_NS)
    assert len(sink.sent) == sent
    gateway.received(Pong(token=old, time_ns=1), 4 * SECOND_NS)
    gateway.woken(new, 8 * SECOND_NS)
    assert sink.problems() == [ProblemKind.DISCONNECTED]


def test_a_rate_limited_order_ends_rejected() -> None:
    """The problem is reported and the order, which the venue never took, is over."""
    gateway, sink = open_gateway()
    error = ErrorFrame(kind=ErrorKind.RATE_LIMITED, detail="slow", client_id="c", time_ns=1)
    gateway.received(error, SECOND_NS)
    problem, finished = sink.emitted
    assert problem.kind is ProblemKind.RATE_LIMITED
    assert isinstance(finished, OrderFinished)
    assert (finished.client_id, finished.state) == ("c", OrderState.REJECTED)


def test_a_duplicate_client_id_ends_nothing() -> None:
    """The id names the first order, whose fate is its own."""
    gateway, sink = open_gateway()
    error = ErrorFrame(kind=ErrorKind.DUPLICATE_CLIENT_ID, detail="", client_id="c", time_ns=1)
    gateway.received(error, SECOND_NS)
    assert sink.problems() == [ProblemKind.MALFORMED]
    assert len(sink.emitted) == 1


@pytest.mark.parametrize(
    "options", [{"heartbeat_ns": 0}, {"heartbeat_ns": 10, "switch_ns": 20}, {"switch_ns": -1}]
)
def test_beats_that_would_trip_the_switch_are_refused(options: dict[str, int]) -> None:
    """The switch needs more than two beats, or must be off."""
    with pytest.raises(DomainError):
        SimulatedGateway((make_instrument(),), sink=Recorder(), **options)
    with pytest.raises(DomainError):
        SimulatedGateway((), sink=Recorder())


def test_a_quote_is_counted_in_once_whichever_way_it_comes() -> None:
    """What quote() returned is out of sequence for received(); what it refused is untouched."""
    sink = Recorder()
    gateway = SimulatedGateway((make_instrument(),), sink=sink)
    assert gateway.sound(numbered(5)) is None, "before its subscription"
    gateway.received(Subscribed(symbol=SYMBOL), 1)
    gateway.received(numbered(5), 1)
    assert gateway.sound(numbered(6)) == numbered(6)
    assert gateway.sound(numbered(6)) is None, "seen before"
    assert gateway.sound(numbered(7, bid=101, ask=99)) is None, "crossed"
    assert gateway.sound(numbered("7")) is None, "no number"
    assert gateway.sound(b"bytes") is None
    gateway.received(numbered(7), 1)
    assert sink.published == [numbered(5), numbered(7)]
    assert sink.problems() == []
