"""Finds the files of one market in a folder of recordings, by the two layouts of file names.

    BTC_USDT_USDT-1m-futures.feather      BTCUSDT_1h-futures_to_2022-07.csv.gz

Instead of futures: mark, funding_rate. A suffix names a part of the time; parts are put together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from domain.errors import DomainError
from domain.instruments import Instrument
from simulations.market.candles import PathSpec, candle_market
from simulations.market.chunks import Series
from simulations.market.quality import DataReport
from simulations.market.recorded import (
    Candles,
    FundingRates,
    Marks,
    read_candles,
    read_funding,
    read_marks,
)

__all__ = ["RecordedFile", "RecordedMarket", "list_folder", "load_market"]

_NAME = re.compile(
    r"(?P<base>[A-Z0-9]+?)_?(?P<quote>USDT|USDC|USD|BUSD)(?:_(?P<settle>[A-Z]+))?"
    r"[-_](?P<frame>\d+[mhd])-(?P<kind>futures|mark|funding_rate)(?:_.*)?\.(?:feather|csv\.gz)"
)
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """One file as its name describes it; frame_s is what the name says, in seconds."""

    path: Path
    base: str
    quote: str
    kind: str
    frame_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMarket:
    """Everything recorded of one instrument in one folder."""

    instrument: Instrument
    candles: Candles
    marks: Marks | None
    funding: FundingRates | None

    @property
    def reports(self) -> tuple[DataReport, ...]:
        """What was found in each file."""
        parts = (self.candles, self.marks, self.funding)
        return tuple(part.report for part in parts if part is not None)

    def series(
        self, spec: PathSpec | None = None, *, start_ns: int = 0, end_ns: int = 1 << 62
    ) -> list[Series]:
        """Return the market's series for a ChunkSource, as ``candle_market`` makes them."""
        return candle_market(
            self.instrument,
            self.candles,
            marks=self.marks,
            funding=self.funding,
            spec=spec,
            start_ns=start_ns,
            end_ns=end_ns,
        )


def list_folder(folder: Path) -> list[RecordedFile]:
    """Return the recordings of a folder, by name; other files are passed over.

    Raises: DomainError if the folder does not exist.
    """
    if not folder.is_dir():
        raise DomainError(f"there is no data folder {folder}")
    found = []
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            frame = match["frame"]
            found.append(
                RecordedFile(
                    path=path,
                    base=match["base"],
                    quote=match["quote"],
                    kind=match["kind"],
                    frame_s=int(frame[:-1]) * _UNIT_S[frame[-1]],
                )
            )
    return found


def load_market(
    folder: Path, instrument: Instrument, *, frame_s: int | None = None
) -> RecordedMarket:
    """Return what a folder holds of an instrument's base asset, with its finest candles.

    frame_s: the length of the candles in seconds, when not the finest. Marks are the finest there
    are. All parts of a kind and length are put together.
    Raises: DomainError if there are no such candles; the text says what there is.
    """
    files = [one for one in list_folder(folder) if one.base == instrument.base]
    candles = _pick(files, "futures", frame_s)
    if candles is None:
        known = sorted({f"{one.base} {one.kind} {one.frame_s} s" for one in list_folder(folder)})
        raise DomainError(
            f"{folder.name} has no candles of {instrument.base}"
            f"{'' if frame_s is None else f' of {frame_s} s'}; it has {', '.join(known)}"
        )
    marks = _pick(files, "mark", None)
    funding = _pick(files, "funding_rate", None)
    return RecordedMarket(
        instrument=instrument,
        candles=read_candles(candles, instrument),
        marks=None if marks is None else read_marks(marks, instrument),
        funding=None if funding is None else read_funding(funding, instrument),
    )


def _pick(files: list[RecordedFile], kind: str, frame_s: int | None) -> tuple[Path, ...] | None:
    """Return all parts of the finest frame of a kind, or of the frame asked for."""
    matching = [
        one for one in files if one.kind == kind and (frame_s is None or one.frame_s == frame_s)
    ]
    if not matching:
        return None
    finest = min(one.frame_s for one in matching)
    return tuple(one.path for one in matching if one.frame_s == finest)
