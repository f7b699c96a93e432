"""Loading: what is right becomes frozen structs, and everything wrong is said at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from actors.settings import PairSettings
from config.load import ConfigError, load
from tests.config.fakes import BASE, PLUGINS, problems_of, read

RISK = '[risk.limits]\norder_notional_max = "x"\n'

# (what is replaced in BASE or appended to it, by what, key, a part of the text, the suggestion)
WRONG: list[tuple[str, str, str, str, str]] = [
    # unknown keys, with the nearest valid one
    ("ratio = 0.5", "ratio = 0.5\nraito = 1", "pairs[0].raito", "unknown key", "ratio"),
    ("", "[deploiment]\n", "deploiment", "unknown table", "deployment"),
    ("", "[risk]\n[risk.limit]\n", "risk.limit", "unknown key", "limits"),
    ("", "[zzz]\n", "zzz", "valid here: deployment, clock", ""),
    ('name = "test"', 'name = "test"\nzzz = 1', "deployment.zzz", "valid here: name, number", ""),
    ("deposit_usd = 1000", "deposit_us = 1", "venues[0].fake.deposit_us", "key", "deposit_usd"),
    # missing keys and tables
    ("ratio = 0.5", "", "pairs[0].ratio", "is missing (a number)", ""),
    ('name = "test"', "", "deployment.name", "is missing (a text)", ""),
    # wrong types
    ("ratio = 0.5", 'ratio = "half"', "pairs[0].ratio", 'must be a number, is "half"', ""),
    ("ratio = 0.5", "ratio = true", "pairs[0].ratio", "must be a number, is true", ""),
    ("ratio = 0.5", "ratio = [1]", "pairs[0].ratio", "must be a number, is a list", ""),
    ('name = "test"', "name = 3", "deployment.name", "must be a text, is 3", ""),
    ("", "[clock]\nseed = 1.5\n", "clock.seed", "must be a whole number, is 1.5", ""),
    ("", "[clock]\nseed = true\n", "clock.seed", "must be a whole number, is true", ""),
    ("", "[clock]\nspeed = nan\n", "clock.speed", "finite", ""),
    ("ratio = 0.5", "ratio = nan", "pairs[0].ratio", "must be a finite number", ""),
    ("capital_usd = 1000", "capital_usd = inf", "pairs[0].capital_usd", "finite", ""),
    ("capital_usd = 1000", "capital_usd = 1e99", "pairs[0].capital_usd", "ordinary size", ""),
    (
        "capital_usd = 1000",
        "capital_usd = 1e9999999999999999999",
        "pairs[0].capital_usd",
        "fin",
        "",
    ),
    ("[venues.fake]\ndeposit_usd = 1000", "fake = 7", "venues[0].fake", "must be a table", ""),
    ("fast = 5", "fast = [5]", "strategies[0].parameters.fast", "must be text or", ""),
    # impossible values
    ("ratio = 0.5", "ratio = 0", "pairs[0].ratio", "must be above 0 and at most 1, is 0", ""),
    ("ratio = 0.5", "ratio = 1.01", "pairs[0].ratio", "at most 1", ""),
    ("capital_usd = 1000", "capital_usd = -5", "pairs[0].capital_usd", "above 0, is -5", ""),
    ("ratio = 0.5", "ratio = 0.5\norder_ttl_ms = 0", "pairs[0].order_ttl_ms", "at least 1", ""),
    ("ratio = 0.5", "ratio = 0.5\norder_ttl_ms = -1", "pairs[0].order_ttl_ms", "is -1", ""),
    ("", "[clock]\nspeed = 0\n", "clock.speed", "above 0", ""),
    ("", '[clock]\nstart = "monday"\n', "clock.start", 'is "monday"', ""),
    ("", '[clock]\nstart = "2025-01-01"\n', "clock.start", "must be like", ""),
    ("", "[risk]\ndrawdown_reduce = 0.9\n", "risk.drawdown_halt", "above drawdown_reduce", ""),
    ("", "[risk]\nmargin_ratio_warn = 0.5\n", "risk.margin_ratio_reduce", "above margin_ra", ""),
    ("", "[flatten]\nband_first = 0.2\n", "flatten.band_max", "at least band_first", ""),
    ("", "[journal]\nqueue_max = 10\n", "journal.queue_max", "at least chunk_max", ""),
    ("", "[status]\nrefresh_ms = 0\n", "status.refresh_ms", "at least 1", ""),
    (
        "ratio = 0.5",
        "ratio = 0.5\nexposed_ms_max = 500",
        "pairs[0].exposed_ms_max",
        "must be above complete_ms (500), is 500",
        "",
    ),
    (
        "ratio = 0.5",
        "ratio = 0.5\nleverage_min = 3",
        "pairs[0].leverage_max",
        "must be at least leverage_min (3), is 2",
        "",
    ),
    # what refers to nothing
    ('"beta:BTC"', '"betta:BTC"', "pairs[0].hedge", 'there is no venue "betta"', "beta:BTC"),
    ('"beta:BTC"', '"beta:BTX"', "pairs[0].hedge", '"beta" lists no BTX, only BTC', "beta:BTC"),
    ('"beta:BTC"', '"betaBTC"', "pairs[0].hedge", "must be written venue:SYMBOL", "beta:BTC"),
    ('pair = "btc"', 'pair = "btx"', "strategies[0].pair", 'no pair "btx"', "btc"),
    ('kind = "fake"\npair', 'kind = "fqke"\npair', "strategies[0].kind", "installed: fake", "fake"),
    (
        'name = "beta"\nkind = "fake"',
        'name = "beta"\nkind = "bnb"',
        "venues[1].kind",
        "no venue",
        "",
    ),
    ('name = "beta"', 'name = "beta"\ntransport = "memori"', "venues[1].transport", "", "memory"),
    ('name = "beta"', 'name = "beta"\naccount = "x"', "venues[1].account", 'only "main"', ""),
    # what a plugin refuses
    ("fast = 5", "fast = 5.5", "strategies[0].parameters", "fast must be a whole number", ""),
    ("deposit_usd = 1000", "deposit_usd = 13", "venues[0].fake.deposit_usd", "is unlucky", ""),
    ("deposit_usd = 1000", 'orders = "few"', "venues[0].kind", "takes no limit orders", ""),
    (
        'name = "beta"\nkind = "fake"',
        'name = "beta"\nkind = "fake"\n[venues.connection]\norders_per_second = 21',
        "venues[1].connection.orders_per_second",
        "takes 20 per second at most",
        "",
    ),
    # what does not fit together
    ('"beta:BTC"', '"alpha:BTC"', "pairs[0].hedge", "is the main leg too", ""),
    ('"beta:BTC"', '"beta:ETH"', "pairs[0].hedge", "does not hedge BTC", ""),
    ('name = "beta"', 'name = "alpha"', "venues[1].name", "name of venues[0] already", ""),
    ('name = "btc"', 'name = "b/c"', "pairs[0].name", "must be letters", ""),
    ('name = "btc"', 'name = ""', "pairs[0].name", "must be letters", ""),
    (
        "",
        '[[pairs]]\nname = "two"\nmain = "alpha:BTC"\nhedge = "beta:ETH"\nratio=1\ncapital_usd=9\n',
        "pairs[1].main",
        'belongs to pair "btc"',
        "",
    ),
    (
        "",
        '[[strategies]]\nname = "two"\nkind = "fake"\npair = "btc"\nparameters = {fast = 1}\n',
        "strategies[1].pair",
        'driven by "cross" already',
        "",
    ),
    # sizes and limits that rule trading out
    (
        "ratio = 0.5",
        "ratio = 0.5\nleverage_max = 25",
        "pairs[0].leverage_max",
        "alpha:BTC allows 20 at 25000 USDT",
        "",
    ),
    (
        "capital_usd = 1000",
        "capital_usd = 20000\nleverage_max = 5",
        "pairs[0].leverage_max",
        "alpha:BTC allows 4 at 100000 USDT",
        "",
    ),
    ("capital_usd = 1000", "capital_usd = 20", "pairs[0].capital_usd", "0.001 BTC, about", ""),
    (
        "ratio = 0.5",
        "ratio = 0.3333\ntolerance=0.001\nband=0.0001",
        "pairs[0].ratio",
        "fit together",
        "",
    ),
    (
        "",
        "[risk.limits]\norder_notional_max = 2003\n",
        "risk.limits.order_notional_max",
        'pair "btc" needs 2004.000 at leverage_max',
        "",
    ),
    (
        "",
        "[risk.limits]\n"
        + "".join(f"{name}_notional_max = 2700\n" for name in ("order", "position", "portfolio")),
        "risk.limits.portfolio_notional_max",
        "needs 3006.0000",
        "",
    ),
]


def broken(old: str, new: str) -> str:
    """Return the valid config with one change, or one addition where nothing is replaced."""
    if not old:
        return BASE + new
    assert old in BASE
    return BASE.replace(old, new, 1)


@pytest.mark.parametrize(("old", "new", "key", "text", "guess"), WRONG)
def test_one_mistake_is_one_problem_with_its_place(
    old: str, new: str, key: str, text: str, guess: str
) -> None:
    """A single mistake gives a problem with its key, its line, what is wrong, and a suggestion."""
    source = broken(old, new)
    found = [problem for problem in problems_of(source) if problem.key == key]
    assert found, [str(problem) for problem in problems_of(source)]
    assert text in found[0].problem
    assert found[0].nearest == guess
    assert found[0].file == "test.toml"
    lines = source.splitlines()
    assert 1 <= found[0].line <= len(lines)
    last = key.rpartition(".")[2].partition("[")[0]
    standing = lines[found[0].line - 1]
    parent = key.rpartition(".")[0].rpartition(".")[2].partition("[")[0]
    assert last in standing or parent in standing


def test_a_valid_file_becomes_exact_frozen_values() -> None:
    """Money is the decimal that was written, defaults fill the rest, and nothing can be changed."""
    config = read(BASE.replace("ratio = 0.5", "ratio = 0.1"))
    pair = config.pairs[0]
    assert type(pair) is PairSettings
    assert str(pair.ratio) == "0.1"
    assert pair.capital_usd == Decimal(1000)
    assert config.clock.speed == 1.0
    assert [item.key for item in config.instruments] == ["alpha:BTC", "beta:BTC"]
    assert config.strategies[0].parameters == {"fast": 5}
    with pytest.raises(AttributeError):
        pair.ratio = Decimal(1)  # type: ignore[misc]


def test_parameters_of_a_strategy_keep_their_plain_types() -> None:
    """A strategy's parameters are text, whole numbers, numbers and truth values, never Decimals."""
    config = read(BASE.replace("fast = 5", 'fast = 5\nslow = 2.5\nkind = "ema"\ninvert = true'))
    values = config.strategies[0].parameters
    assert values == {"fast": 5, "slow": 2.5, "kind": "ema", "invert": True}
    assert [type(value) for value in values.values()] == [int, float, str, bool]


def test_everything_wrong_is_said_at_once() -> None:
    """Mistakes of different kinds in different tables are all reported together, by line."""
    text = (
        BASE.replace("ratio = 0.5", "raito = 0.5")
        .replace("capital_usd = 1000", "capital_usd = 0")
        .replace("deposit_usd = 1000", 'deposit_usd = "much"')
        .replace('pair = "btc"', 'pair = "nothing"')
        .replace('name = "test"', "name = 1")
    ) + "\n[risk]\ndrawdown_halt = 7\n[clock]\nspeed = -1\n"
    keys = [problem.key for problem in problems_of(text)]
    assert keys == [
        "deployment.name",
        "venues[0].fake.deposit_usd",
        "pairs[0].raito",
        "pairs[0].capital_usd",
        "strategies[0].pair",
        "risk.drawdown_halt",
        "clock.speed",
    ]
    lines = [problem.line for problem in problems_of(text)]
    assert lines == sorted(lines)


def test_what_depends_on_a_wrong_table_is_not_reported_again() -> None:
    """A venue that cannot be read does not make its pairs wrong as well."""
    text = BASE.replace('name = "alpha"\nkind = "fake"', 'name = "alpha"\nkind = "unknown"')
    assert [problem.key for problem in problems_of(text)] == ["venues[0].kind"]


def test_a_deployment_without_venues_or_pairs_is_refused() -> None:
    """An empty file says what is missing."""
    found = {problem.key: problem.problem for problem in problems_of("")}
    assert found["venues"] == "is missing: at least one [[venues]]"
    assert found["pairs"] == "is missing: at least one [[pairs]]"
    assert "deployment.name" in found


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("[deployment]\nname = \n", 2, "is not TOML"),
        ("a = 1\na = 2\n", 0, "is not TOML"),
        ("[x\n", 1, "is not TOML"),
        ('k = "0123456789abcdef', 1, "is not TOML"),
    ],
)
def test_malformed_toml_is_one_problem_with_its_line(text: str, line: int, part: str) -> None:
    """What does not parse is said with its line, and what stands there is not repeated."""
    (problem,) = problems_of(text)
    assert part in problem.problem
    assert line in (problem.line, 0)
    assert "0123456789abcdef" not in str(problem)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder, and bytes that are no text each give a plain reason."""
    for path, part in ((tmp_path / "no.toml", "No such file"), (tmp_path, "directory")):
        with pytest.raises(ConfigError, match=part):
            load(path, PLUGINS)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"a = 1\nb = \xff\n")
    with pytest.raises(ConfigError, match=r"binary.toml:2: is not UTF-8"):
        load(binary, PLUGINS)


def test_windows_line_ends_count_as_lines(tmp_path: Path) -> None:
    """A file written on Windows has the same problems on the same lines."""
    path = tmp_path / "c.toml"
    path.write_bytes(BASE.replace("ratio = 0.5", "ratio = 9").replace("\n", "\r\n").encode())
    with pytest.raises(ConfigError) as caught:
        load(path, PLUGINS)
    (problem,) = caught.value.problems
    assert problem.line == BASE.splitlines().index("ratio = 0.5") + 1


def test_a_venue_may_state_its_own_instruments() -> None:
    """Stated instruments take the place of what the kind lists."""
    text = BASE.replace(
        'name = "beta"\nkind = "fake"',
        'name = "beta"\nkind = "fake"\n[[venues.instruments]]\nsymbol = "BTCX"\nbase = "BTC"\n'
        "tick = 0.5\nlot = 0.01\n"
        "tiers = [{notional_floor = 0, maintenance_rate = 0.01, leverage_max = 10}]\n",
    ).replace('"beta:BTC"', '"beta:BTCX"')
    config = read(text)
    assert [item.key for item in config.listings["beta"]] == ["beta:BTCX"]
    assert str(config.instruments[1].tick) == "0.5"


def test_an_instrument_that_no_order_could_satisfy_is_refused() -> None:
    """Tiers that do not start at notional 0 are reported at the instrument."""
    text = BASE.replace(
        'name = "beta"\nkind = "fake"',
        'name = "beta"\nkind = "fake"\n[[venues.instruments]]\nsymbol = "BTC"\nbase = "BTC"\n'
        "tick = 0.5\nlot = 0.01\ntiers = []\n",
    )
    assert [problem.key for problem in problems_of(text)] == ["venues[1].instruments[0]"]
