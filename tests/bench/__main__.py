"""Runs the benchmarks named, or all: one JSON line each on standard output, prose on the other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.bench import bars, control, hops, orders, quotes
from tests.bench.measure import Line, Scale

BENCHMARKS: dict[str, Callable[[Scale], list[Line]]] = {
    function.__name__: function
    for function in (
        hops.hop_loop,
        hops.hop_simulated,
        quotes.quotes_1,
        quotes.quotes_2,
        quotes.quotes_5,
        quotes.quotes_risk,
        orders.orders_1k,
        orders.orders_10k,
        orders.orders_50k,
        orders.orders_latency,
        orders.orders_growth,
        bars.bars_500k,
        control.control_busy,
        control.control_queued,
    )
}
FULL = Scale()
QUICK = Scale(runs=3, divisor=10)


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; return 1 when a budget is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}; a prefix will do")
    parser.add_argument("--json", action="store_true", help="JSON lines only")
    parser.add_argument("--quick", action="store_true", help="3 runs of a tenth of the work")
    options = parser.parse_args(arguments)
    chosen = [
        name for name in BENCHMARKS if not options.names or name.startswith(tuple(options.names))
    ]
    if not chosen:
        parser.error(f"no benchmark is called {' or '.join(options.names)}")
    missed = False
    for name in chosen:
        for line in BENCHMARKS[name](QUICK if options.quick else FULL):
            print(line.json(), flush=True)
            missed = missed or line.met is False
            if not options.json:
                print(line.text(), file=sys.stderr, flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
