"""The house rules that no linter knows; test_tidy holds every file to them, and proves each rule.

Ruff bans names for the whole project; the bans here differ by layer, so they read the syntax tree.
A rule sees one module at a time: it follows imports under other names, and sets by annotation and
assignment within the module, but no values that arrive from elsewhere.
"""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("domain", "actors", "config", "adapters", "simulations")
REAL_TIME = ("actors/runtime/loop.py", "actors/runtime/thread.py")
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60

CLOCK_NAMES = (
    *("clock_gettime", "ctime", "localtime", "monotonic", "perf_counter", "process_time"),
    *("sleep", "thread_time", "time"),
)
CLOCKS = (
    *(f"time.{name}{unit}" for name in CLOCK_NAMES for unit in ("", "_ns")),
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
)
CHANCE = ("numpy.random", "os.urandom", "random", "secrets", "uuid.uuid1", "uuid.uuid4")
SEEDED = ("numpy.random.PCG64", "numpy.random.default_rng", "random.Random")
CHANCE_ALLOWED = (*SEEDED, "numpy.random", "numpy.random.Generator", "random")
THREADS = ("_thread", "asyncio", "concurrent.futures", "multiprocessing", "threading")
SET_TYPES = ("AbstractSet", "FrozenSet", "MutableSet", "Set", "frozenset", "set")
SET_OPERATORS = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)
SET_METHODS = ("copy", "difference", "intersection", "symmetric_difference", "union")
ORDER_FREE = ("all", "any", "frozenset", "len", "max", "min", "set", "sorted")
CONSUMERS = ("deque", "dict", "enumerate", "filter", "iter", "list", "map", "sum", "tuple", "zip")
CONSUMING_METHODS = ("extend", "fromkeys", "join")
WEAK_REFERENCES = ("weakref.WeakMethod", "weakref.proxy", "weakref.ref")
# A home or checkout folder at the start of a path; the look-behind spares addresses on the web.
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(?:work|root|home/[\w.-]+|Users/[\w.-]+)/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Finding(NamedTuple):
    """A line, and what is wrong there."""

    line: int
    message: str


class Rule(NamedTuple):
    """A named check of one module, and the modules that it binds."""

    name: str
    binds: Callable[[str], bool]
    find: Callable[[ast.Module], Iterator[Finding]]


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return the full dotted name of an expression, or "" where it is no plain name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield line, local name and full name of everything that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.asname or "", alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, alias.asname or alias.name, f"{node.module}.{alias.name}"


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Return what each imported local name stands for."""
    return {local: name for _, local, name in imports(tree) if local}


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Yield each call with the full name of what it calls."""
    names = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func, names)


def functions(tree: ast.Module) -> Iterator[Function]:
    """Yield each function and method of a module."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def uses(tree: ast.Module, banned: tuple[str, ...], allowed: tuple[str, ...]) -> Iterator[Finding]:
    """Yield the imports and attributes that stand for a banned name or a part of one."""

    def is_banned(name: str) -> bool:
        star = name.endswith(".*") and any(ban.startswith(name[:-1]) for ban in banned)
        part = any(f"{name}.".startswith(f"{ban}.") for ban in banned)
        return name not in allowed and (star or part)

    names = imported_names(tree)
    for line, _, name in imports(tree):
        if is_banned(name):
            yield Finding(line, f"{name} is banned here")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_banned(name := dotted(node, names)):
            yield Finding(node.lineno, f"{name} is banned here")


def wall_clocks(tree: ast.Module) -> Iterator[Finding]:
    """Yield reads of a clock of the machine: time comes with the message."""
    yield from uses(tree, CLOCKS, ())


def unseeded_chance(tree: ast.Module) -> Iterator[Finding]:
    """Yield sources of chance; a generator made from a seed is none."""
    yield from uses(tree, CHANCE, CHANCE_ALLOWED)
    for call, name in calls(tree):
        if name in SEEDED and not call.args and not call.keywords:
            yield Finding(call.lineno, f"{name}() without a seed")


def threads(tree: ast.Module) -> Iterator[Finding]:
    """Yield uses of threads, processes and asyncio: only two modules of the runtime know them."""
    yield from uses(tree, THREADS, ())


def prints(tree: ast.Module) -> Iterator[Finding]:
    """Yield every mention of print."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "print":
            yield Finding(node.lineno, "print is banned here")


def names_a_set(annotation: ast.expr | None) -> bool:
    """Tell whether an annotation is a set, or a union with one."""
    if isinstance(annotation, ast.BinOp):
        return names_a_set(annotation.left) or names_a_set(annotation.right)
    if isinstance(annotation, ast.Subscript):
        if dotted(annotation.value, {}).rpartition(".")[2] in ("ClassVar", "Final"):
            return names_a_set(annotation.slice)
        return names_a_set(annotation.value)
    return annotation is not None and dotted(annotation, {}).rpartition(".")[2] in SET_TYPES


class SetIteration(ast.NodeVisitor):
    """Collects the places where the order of a set's members could reach a result."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: list[Finding] = []
        self.scopes: list[dict[str, bool]] = [{}]
        self.returning = {f.name for f in functions(tree) if names_a_set(f.returns)}
        self.attributes: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and names_a_set(node.annotation):
                if isinstance(node.target, ast.Attribute):
                    self.attributes.add(node.target.attr)
                elif isinstance(node.target, ast.Name):
                    self.attributes.add(node.target.id)
            elif isinstance(node, ast.Assign) and self.is_set(node.value):
                self.attributes.update(t.attr for t in node.targets if isinstance(t, ast.Attribute))

    def is_set(self, node: ast.expr) -> bool:
        """Tell whether an expression is known to be a set."""
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return next((s[name] for s in reversed(self.scopes) if name in s), False)
            case ast.Attribute(attr=name):
                return name in self.attributes
            case ast.Call(func=ast.Name(id=name)):
                return name in ("set", "frozenset") or name in self.returning
            case ast.Call(func=ast.Attribute(attr=name, value=owner)):
                return name in self.returning or (name in SET_METHODS and self.is_set(owner))
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, SET_OPERATORS):
                return any(self.is_set(side) or is_key_view(side) for side in (left, right))
            case ast.BoolOp(values=values):
                return any(self.is_set(value) for value in values)
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_set(body) or self.is_set(orelse)
            case ast.NamedExpr(value=value):
                return self.is_set(value)
        return False

    def expect_order(self, node: ast.expr) -> None:
        """Record a finding if an expression with no order stands where order counts."""
        if self.is_set(node):
            self.found.append(Finding(node.lineno, "iteration over a set: sort it first"))

    def visit_function(self, node: Function) -> None:
        """Visit a function with a scope of its own."""
        arguments = node.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        self.scopes.append({argument.arg: names_a_set(argument.annotation) for argument in every})
        self.generic_visit(node)
        self.scopes.pop()

    visit_FunctionDef = visit_function
    visit_AsyncFunctionDef = visit_function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Visit a class with a scope of its own."""
        self.scopes.append({})
        self.generic_visit(node)
        self.scopes.pop()

    def forget(self, target: ast.expr) -> None:
        """Remember that the names of a loop's target hold members, not sets."""
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                self.scopes[-1][name.id] = False

    def visit_Assign(self, node: ast.Assign) -> None:
        """Remember whether a name now holds a set."""
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.scopes[-1][target.id] = self.is_set(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Remember whether a name is declared to hold a set."""
        self.generic_visit(node)
        if isinstance(node.target, ast.Name):
            self.scopes[-1][node.target.id] = names_a_set(node.annotation)

    def visit_For(self, node: ast.For) -> None:
        """Check what a loop runs over."""
        self.expect_order(node.iter)
        self.forget(node.target)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """Check what a comprehension runs over."""
        self.expect_order(node.iter)
        self.forget(node.target)
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        """Check what is handed on one by one."""
        self.expect_order(node.value)
        self.generic_visit(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        """Let a set be made from a set: the result has no order either."""
        self.visit_unordered(node)

    def visit_unordered(self, node: ast.SetComp | ast.GeneratorExp) -> None:
        """Visit a comprehension whose consumer does not see an order."""
        for part in node.generators:
            for inner in (part.iter, part.target, *part.ifs):
                self.visit(inner)
        self.visit(node.elt)

    def visit_Starred(self, node: ast.Starred) -> None:
        """Check what is unpacked."""
        self.expect_order(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Check the arguments of calls that iterate, and pop, which takes any member."""
        match node.func:
            case ast.Name(id=name) if name in CONSUMERS:
                for argument in node.args:
                    self.expect_order(argument)
            case ast.Attribute(attr=name) if name in CONSUMING_METHODS:
                for argument in node.args:
                    self.expect_order(argument)
            case ast.Attribute(attr="pop", value=owner) if not node.args:
                self.expect_order(owner)
        free = isinstance(node.func, ast.Name) and node.func.id in ORDER_FREE
        for child in ast.iter_child_nodes(node):
            if free and isinstance(child, ast.GeneratorExp):
                self.visit_unordered(child)
            else:
                self.visit(child)


def is_key_view(node: ast.expr) -> bool:
    """Tell whether an expression is a dictionary's keys() or items(), which combine into a set."""
    match node:
        case ast.Call(func=ast.Attribute(attr="keys" | "items"), args=[]):
            return True
    return False


def set_iteration(tree: ast.Module) -> Iterator[Finding]:
    """Yield iterations over sets: their order differs from run to run."""
    visitor = SetIteration(tree)
    visitor.visit(tree)
    yield from visitor.found


def identity_order(tree: ast.Module) -> Iterator[Finding]:
    """Yield sort keys that call id or hash: both differ from run to run."""
    for call, _ in calls(tree):
        for keyword in call.keywords:
            if keyword.arg != "key":
                continue
            for node in ast.walk(keyword.value):
                named = isinstance(node, ast.Name) and node.id in ("id", "hash")
                if named or (isinstance(node, ast.Attribute) and node.attr == "__hash__"):
                    yield Finding(call.lineno, "order by id or hash")


def finalizers(tree: ast.Module) -> Iterator[Finding]:
    """Yield __del__ methods and weakref callbacks: the collector decides when they run."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id="__del__", lineno=line)
                | ast.FunctionDef(name="__del__", lineno=line)
                | ast.AsyncFunctionDef(name="__del__", lineno=line)
            ):
                yield Finding(line, "__del__ runs whenever the collector likes")
    for call, name in calls(tree):
        callback = len(call.args) > 1 or any(k.arg == "callback" for k in call.keywords)
        if name == "weakref.finalize" or (name in WEAK_REFERENCES and callback):
            yield Finding(call.lineno, "a weakref callback runs whenever the collector likes")


def broad_excepts(tree: ast.Module) -> Iterator[Finding]:
    """Yield handlers that catch every exception: only the runtime may."""
    broad = ("Exception", "BaseException", "builtins.Exception", "builtins.BaseException")

    def catches_all(node: ast.expr) -> bool:
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        return any(dotted(part, {}) in broad for part in parts)

    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or catches_all(node.type)):
            yield Finding(node.lineno, "except Exception outside actors/runtime")
    for call, name in calls(tree):
        if name == "contextlib.suppress" and any(map(catches_all, call.args)):
            yield Finding(call.lineno, "suppress(Exception) outside actors/runtime")


def float_decimals(tree: ast.Module) -> Iterator[Finding]:
    """Yield decimals made from floats: they carry the float's error."""
    for call, name in calls(tree):
        if name == "decimal.Decimal.from_float":
            yield Finding(call.lineno, "Decimal.from_float")
        if name != "decimal.Decimal":
            continue
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            value = argument.operand if isinstance(argument, ast.UnaryOp) else argument
            literal = isinstance(value, ast.Constant) and isinstance(value.value, float)
            if literal or (isinstance(value, ast.Call) and dotted(value.func, {}) == "float"):
                yield Finding(call.lineno, "a float in Decimal(): write a string")


def long_modules(tree: ast.Module) -> Iterator[Finding]:
    """Yield a module that is longer than a reader's patience."""
    line = max((getattr(node, "end_lineno", 0) or 0 for node in tree.body), default=0)
    if line > MODULE_LINES_MAX:
        yield Finding(line, f"the module has {line} lines, {MODULE_LINES_MAX} at most")


def long_functions(tree: ast.Module) -> Iterator[Finding]:
    """Yield the functions that do not fit a screen."""
    for function in functions(tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            message = f"{function.name} has {lines} lines, {FUNCTION_LINES_MAX} at most"
            yield Finding(function.lineno, message)


def silent_tests(tree: ast.Module) -> Iterator[Finding]:
    """Yield test functions without a docstring of one line."""
    for function in functions(tree):
        docstring = ast.get_docstring(function)
        if function.name.startswith("test_") and (not docstring or "\n" in docstring):
            yield Finding(function.lineno, f"{function.name} needs a docstring of one line")


def is_deterministic(path: str) -> bool:
    """Tell whether a module must give the same result on every run."""
    return path.startswith(("domain/", "actors/")) and path not in REAL_TIME


RULES = (
    Rule("wall clock", is_deterministic, wall_clocks),
    Rule("chance", is_deterministic, unseeded_chance),
    Rule("threads", is_deterministic, threads),
    Rule("print", is_deterministic, prints),
    Rule("set iteration", is_deterministic, set_iteration),
    Rule("identity order", is_deterministic, identity_order),
    Rule("finalizers", is_deterministic, finalizers),
    Rule("broad except", lambda path: not path.startswith("actors/runtime/"), broad_excepts),
    Rule("float decimal", lambda _: True, float_decimals),
    Rule("module length", lambda _: True, long_modules),
    Rule("function length", lambda path: not path.startswith("tests/"), long_functions),
    Rule("test docstring", lambda path: path.startswith("tests/"), silent_tests),
)


def tracked_files() -> list[str]:
    """Return what git tracks or would track, or every file where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return sorted(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())
    visible = (p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in visible if not p.parts[0].startswith("."))


def machine_paths(text: str) -> Iterator[Finding]:
    """Yield the lines that name a folder of somebody's machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        if MACHINE_PATH.search(line):
            yield Finding(number, "a machine's own path")
