"""Every file keeps the house rules of tests/tidy.py, and every rule can fail."""

import ast
from functools import cache

import pytest

from tests.tidy import (
    FUNCTION_LINES_MAX,
    MODULE_LINES_MAX,
    PACKAGES,
    REAL_TIME,
    ROOT,
    RULES,
    Rule,
    machine_paths,
    tracked_files,
)

RULE = {rule.name: rule for rule in RULES}
MODULES = tuple(
    name
    for name in tracked_files()
    if name.endswith(".py")
    and name.startswith(tuple(f"{folder}/" for folder in (*PACKAGES, "tests")))
)

BAD = [
    ("wall clock", "import time\nstamp = time.time()"),
    ("wall clock", "import time as t\nread = t.monotonic_ns"),
    ("wall clock", "from time import perf_counter as p"),
    ("wall clock", "from time import *"),
    ("wall clock", "import datetime\ndatetime.datetime.now()"),
    ("wall clock", "from datetime import UTC, datetime as d\nd.now(UTC)"),
    ("wall clock", "from datetime import date\ndate.today()"),
    ("chance", "import random\nrandom.choice([1])"),
    ("chance", "from random import shuffle"),
    ("chance", "from random import *"),
    ("chance", "from random import Random\nRandom()"),
    ("chance", "import numpy as np\nnp.random.normal()"),
    ("chance", "import numpy as np\nnp.random.default_rng()"),
    ("chance", "from uuid import uuid4"),
    ("chance", "import uuid\nuuid.uuid4()"),
    ("chance", "import os\nos.urandom(8)"),
    ("chance", "import secrets"),
    ("threads", "import threading"),
    ("threads", "from threading import Lock"),
    ("threads", "import asyncio"),
    ("threads", "from asyncio import get_running_loop"),
    ("threads", "from concurrent.futures import ThreadPoolExecutor"),
    ("threads", "import concurrent.futures as pool"),
    ("print", "print(1)"),
    ("print", "show = print"),
    ("set iteration", "for x in {1, 2}: pass"),
    ("set iteration", "xs = set(y)\nfor x in xs: pass"),
    ("set iteration", "def f(xs: frozenset[int]): return [x for x in xs]"),
    ("set iteration", "def f(xs: 'int', *, ys: set[int] | None): return tuple(ys)"),
    ("set iteration", "def f(*xs: int, **ys: int): return list(set(xs) - {1})"),
    ("set iteration", "class A:\n  xs: frozenset[str]\n  def f(self): return ','.join(self.xs)"),
    ("set iteration", "class A:\n  def f(self):\n    self.xs = set()\n    self.xs.pop()"),
    ("set iteration", "def f() -> set[int]: ...\nfor x in f(): pass"),
    ("set iteration", "for x in a.keys() & b: pass"),
    ("set iteration", "xs = {1}.union(y)\nys = [*xs]"),
    ("set iteration", "def f():\n  yield from {1, 2}"),
    ("set iteration", "d = {x: 1 for x in {1} | y}"),
    ("set iteration", "t = sum(x for x in {0.1, 0.2})"),
    ("identity order", "sorted(xs, key=id)"),
    ("identity order", "xs.sort(key=lambda x: (x.rank, hash(x)))"),
    ("identity order", "min(xs, key=str.__hash__)"),
    ("finalizers", "class A:\n  def __del__(self): pass"),
    ("finalizers", "class A:\n  __del__ = close"),
    ("finalizers", "import weakref\nweakref.ref(x, gone)"),
    ("finalizers", "from weakref import proxy\nproxy(x, callback=gone)"),
    ("finalizers", "from weakref import finalize\nfinalize(x, gone)"),
    ("broad except", "try: pass\nexcept Exception: pass"),
    ("broad except", "try: pass\nexcept: pass"),
    ("broad except", "try: pass\nexcept (ValueError, BaseException): pass"),
    ("broad except", "from contextlib import suppress\nwith suppress(Exception): pass"),
    ("float decimal", "from decimal import Decimal\nDecimal(0.1)"),
    ("float decimal", "from decimal import Decimal as D\nD(-1.5)"),
    ("float decimal", "import decimal\ndecimal.Decimal(float('1'))"),
    ("float decimal", "from decimal import Decimal\nDecimal(value=0.1)"),
    ("float decimal", "from decimal import Decimal\nDecimal.from_float(x)"),
    ("module length", "x = 1\n" * (MODULE_LINES_MAX + 1)),
    ("function length", "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    ("function length", "class A:\n  async def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX),
    ("test docstring", "def test_it(): pass"),
    ("test docstring", 'async def test_it():\n    """One.\n\n    Two.\n    """'),
]

GOOD = [
    ("wall clock", "def f(now: int, context): return now + context.time.time()"),
    ("wall clock", "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)"),
    ("chance", "import random\nrng = random.Random(7)"),
    ("chance", "import numpy as np\ndef f(rng: np.random.Generator): return rng.normal()"),
    ("chance", "from uuid import UUID"),
    ("threads", "from actors.runtime.thread import ThreadActor"),
    ("print", "console.print(1)"),
    ("set iteration", "xs = {1}\nfor x in sorted(xs): pass"),
    ("set iteration", "xs = {1}\nfound = 2 in xs and any(x > 1 for x in xs) and len(xs)"),
    ("set iteration", "xs = {1}\nys = {x + 1 for x in xs}"),
    ("set iteration", "xs = {1}\nxs = tuple(sorted(xs))\nfor x in xs: pass"),
    ("set iteration", "def f(xs: set[int]): ...\ndef g(xs: list[int]): return list(xs)"),
    ("set iteration", "for k in {1: 2}: pass"),
    ("identity order", "sorted(xs, key=lambda x: x.id)"),
    ("finalizers", "import weakref\nweakref.ref(x)"),
    ("broad except", "try: pass\nexcept ValueError: pass"),
    ("float decimal", "from decimal import Decimal\nDecimal('0.1') + Decimal(1)"),
    ("module length", "x = 1\n" * MODULE_LINES_MAX),
    ("function length", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES_MAX - 1)),
    ("test docstring", 'def test_it():\n    """It holds."""'),
]


@cache
def parsed(name: str) -> ast.Module:
    """Return the syntax tree of a module of the project."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), filename=name)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    """No module of the project breaks the rule."""
    bound = [name for name in MODULES if rule.binds(name)]
    found = [f"{name}:{f.line}: {f.message}" for name in bound for f in rule.find(parsed(name))]
    assert bound
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("name", "source"), BAD)
def test_a_rule_catches_its_bad_example(name: str, source: str) -> None:
    """A snippet that breaks the rule is found, at a line of the snippet."""
    found = list(RULE[name].find(ast.parse(source)))
    assert found
    assert all(1 <= f.line <= source.count("\n") + 1 for f in found)


@pytest.mark.parametrize(("name", "source"), GOOD)
def test_a_rule_accepts_its_good_example(name: str, source: str) -> None:
    """A snippet that keeps the rule is left alone."""
    assert list(RULE[name].find(ast.parse(source))) == []


def test_every_rule_has_examples_of_both_kinds() -> None:
    """No rule stands here that was never seen to fail or to pass."""
    assert {name for name, _ in BAD} == {name for name, _ in GOOD} == set(RULE)


def test_every_package_is_read() -> None:
    """The rules look at each package and at the tests, so they do not pass for want of input."""
    assert {name.partition("/")[0] for name in MODULES} == {*PACKAGES, "tests"}


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("wall clock", "domain/orders.py", "adapters/dashboard.py"),
        ("threads", "actors/runtime/kernel.py", REAL_TIME[0]),
        ("threads", "actors/risk.py", REAL_TIME[1]),
        ("print", "actors/risk.py", "simulations/plugin.py"),
        ("broad except", "adapters/console.py", "actors/runtime/kernel.py"),
        ("broad except", "domain/orders.py", "actors/runtime/loop.py"),
        ("float decimal", "tests/test_orders.py", ""),
        ("module length", "tests/test_orders.py", ""),
        ("function length", "config/load.py", "tests/test_orders.py"),
        ("test docstring", "tests/test_orders.py", "config/load.py"),
    ],
)
def test_a_rule_binds_its_layers_only(name: str, inside: str, outside: str) -> None:
    """A rule holds where the design says so, and spares the exceptions that the design names."""
    assert RULE[name].binds(inside)
    assert not outside or not RULE[name].binds(outside)


def test_no_file_names_a_machine_path() -> None:
    """No tracked text file names a folder that exists on one machine only."""
    found = []
    for name in tracked_files():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content:
            lines = machine_paths(content.decode("utf-8", errors="replace"))
            found += [f"{name}:{f.line}: {f.message}" for f in lines]
    assert "LICENSE" in tracked_files()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ["work/main", "home/ada/keel", "Users/ada/keel", "root/.cache"])
def test_a_machine_path_is_caught(folder: str) -> None:
    """A path below a home or checkout folder is found wherever it stands in a line."""
    for before in ("", "cd ", '"', "file://", "-r "):
        assert [f.line for f in machine_paths(f"first\n{before}/{folder}/x\n")] == [2]


@pytest.mark.parametrize(
    "text",
    ["https://example.org@x", ".@x", "$HOME@x", "/venues/x/y", "/homework/x/"],
)
def test_an_address_is_no_machine_path(text: str) -> None:
    """Web addresses, relative paths and actor addresses are left alone."""
    assert list(machine_paths(text.replace("@", f"/{'work'}/"))) == []


def test_the_lock_file_names_no_registry() -> None:
    """The lock holds versions and hashes only, so it installs from any index."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert sum("--hash=sha256:" in line for line in lines) > len(lines) / 2
    assert [
        line for line in lines if "://" in line or "index" in line or "find-links" in line
    ] == []
