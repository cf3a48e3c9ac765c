"""Which part may import which, and a few other things that the source must not contain."""

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billing_mirror.core import catalog

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "billing_mirror"
FUNCTIONS = ROOT / "functions"
STAND_IN = ROOT / "dev" / "fake_stripe"
COMMAND = ROOT / "cli" / "billing_mirror_cli"

OURS = "billing_mirror"
IMPURE = {
    "asyncio",
    "builtins",
    "ctypes",
    "glob",
    "http",
    "importlib",
    "io",
    "locale",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
"""Modules of the standard library that read a clock, randomness, the environment or the outside."""
CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "localtime", "gmtime"}
BLIND = {"Exception", "BaseException"}


def modules(*paths: Path) -> list[Path]:
    return sorted(path for root in paths for path in ([root] if root.is_file() else root.rglob("*.py")))


def dotted(path: Path) -> str:
    """``billing_mirror.core.body`` or ``functions.ingest.handler``."""
    relative = path.relative_to(PACKAGE.parent if path.is_relative_to(PACKAGE) else ROOT).with_suffix("")
    return ".".join(part for part in relative.parts if part != "__init__")


def imports(path: Path) -> Iterator[str]:
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    return imported(path.read_text(), package)


def imported(source: str, package: str) -> Iterator[str]:
    """Every module that a module of ``package`` imports, wherever in its text, relative names resolved.

    ``from x import y`` counts as ``x.y``: ``y`` may be a module.
    """
    parts = package.split(".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{name.name}" for name in node.names)


def is_under(name: str, *parents: str) -> bool:
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def pure(name: str) -> bool:
    return standard(name) and name.partition(".")[0] not in IMPURE


def of(*parts: str) -> Callable[[str], bool]:
    """A rule: these parts of our package."""
    return lambda name: is_under(name, *(f"{OURS}.{part}" for part in parts))


def third(*names: str) -> Callable[[str], bool]:
    """A rule: these libraries."""
    return lambda name: is_under(name, *names)


def not_ours(name: str) -> bool:
    return not is_under(name, OURS, "functions", "cli", "billing_mirror_cli", "dev", "tests")


Rule = Callable[[str], bool]

FLOWS = ("ingest", "process", "reconcile", "refresh", "changes")

BASE = ("catalog", "errors", "json_body", "metrics", "object_ref", "times")
CORE = {
    "events": (),
    "table": (),
    "stripe_api": ("table",),
    "changes": ("table",),
    "runs": ("table", "stripe_api"),
}
"""The packages of the core, and which others each may use, besides the modules that all use."""

RULES: dict[str, tuple[list[Path], list[Rule]]] = {
    "core": (
        [*(PACKAGE / "core").glob("*.py"), *modules(PACKAGE / "core" / "catalog")],
        [pure, of(*(f"core.{part}" for part in BASE))],
    ),
    **{
        f"core/{name}": (
            modules(PACKAGE / "core" / name),
            [pure, third("pydantic"), of(*(f"core.{part}" for part in (*BASE, *others, name)))],
        )
        for name, others in CORE.items()
    },
    "ports": ([PACKAGE / "ports.py"], [pure, of("core")]),
    "ingest": (modules(PACKAGE / "ingest"), [pure, third("asyncio"), of("core", "ports", "ingest")]),
    "refresh": (modules(PACKAGE / "refresh"), [pure, third("asyncio"), of("core", "ports", "refresh")]),
    "process": (modules(PACKAGE / "process"), [pure, third("asyncio"), of("core", "ports", "refresh", "process")]),
    "reconcile": (
        modules(PACKAGE / "reconcile"),
        [pure, third("asyncio"), of("core", "ports", "refresh", "reconcile")],
    ),
    "changes": (modules(PACKAGE / "changes"), [pure, third("asyncio"), of("core", "ports", "changes")]),
    "adapters": (modules(PACKAGE / "adapters"), [not_ours, of("core", "ports", "adapters")]),
    "settings": ([PACKAGE / "settings.py"], [pure, third("pydantic"), of("core")]),
    "wiring": (
        modules(PACKAGE / "wiring"),
        [
            standard,
            third("boto3", "aws_lambda_powertools"),
            of("adapters", *FLOWS, "settings", "core", "ports", "wiring"),
        ],
    ),
    "reader": (
        modules(PACKAGE / "reader"),
        [
            standard,
            third("boto3", "botocore", "mypy_boto3_dynamodb"),
            of(*(f"adapters.table.{name}" for name in ("attributes", "batch_get", "chunks", "indexes"))),
            of("core", "reader", "views"),
        ],
    ),
    "views": (modules(PACKAGE / "views"), [pure, of("core", "views")]),
    "the Stripe stand-in": (modules(STAND_IN), [not_ours, lambda name: is_under(name, "dev.fake_stripe")]),
    "the command": (modules(COMMAND), [not_ours, lambda name: is_under(name, OURS, "cli.billing_mirror_cli")]),
    "the package itself": ([PACKAGE / "__init__.py"], []),
    **{
        f"the {flow} function": (
            modules(FUNCTIONS / flow),
            [
                standard,
                third("aws_lambda_powertools"),
                of("wiring", flow, "settings", "core", "adapters.metric_counts", "adapters.blocking"),
            ],
        )
        for flow in ("ingest", "process", "reconcile", "changes")
    },
}


@pytest.mark.parametrize("part", RULES)
def test_each_part_imports_only_what_it_may(part: str) -> None:
    paths, _ = RULES[part]
    assert paths
    assert [
        f"{dotted(path)} imports {name}" for path in paths for name in imports(path) if not may_import(part, name)
    ] == []


def may_import(part: str, name: str) -> bool:
    _, allowed = RULES[part]
    return any(rule(name) for rule in allowed)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("core", "time.time"),
        ("core", "boto3"),
        ("core", f"{OURS}.ports.Clock"),
        ("ports", f"{OURS}.adapters.clock"),
        ("ingest", f"{OURS}.refresh.apply"),
        ("ingest", f"{OURS}.process.batch"),
        ("refresh", f"{OURS}.process.messages"),
        ("refresh", f"{OURS}.adapters.clock"),
        ("process", f"{OURS}.reconcile.tick"),
        ("process", f"{OURS}.settings"),
        ("reconcile", f"{OURS}.process.batch"),
        ("changes", f"{OURS}.refresh.apply"),
        ("changes", f"{OURS}.adapters.stream"),
        ("reconcile", "pydantic"),
        *(("adapters", f"{OURS}.{flow}") for flow in FLOWS),
        ("adapters", "dev.fake_stripe"),
        ("settings", f"{OURS}.wiring"),
        ("wiring", "stripe"),
        ("reader", "pydantic"),
        ("reader", f"{OURS}.refresh.fetch"),
        ("reader", f"{OURS}.adapters.stripe_api"),
        ("views", "boto3"),
        ("views", f"{OURS}.reader"),
        ("views", "pydantic"),
        ("process", f"{OURS}.ingest.accept"),
        ("refresh", f"{OURS}.reconcile.verify"),
        ("reconcile", f"{OURS}.ingest.accept"),
        ("the package itself", f"{OURS}.reader"),
        ("the ingest function", f"{OURS}.process.batch"),
        ("the process function", f"{OURS}.refresh.apply"),
        ("the reconcile function", f"{OURS}.adapters.dynamodb"),
        ("the reconcile function", "boto3"),
        ("the Stripe stand-in", f"{OURS}.core.catalog"),
        ("the Stripe stand-in", "dev.benchmarks"),
        ("the Stripe stand-in", "tests.doubles"),
        ("the command", "dev.sandbox.stack"),
        ("the command", "functions.reconcile.handler"),
        ("the command", "tests.doubles"),
    ],
)
def test_a_forbidden_import_breaks_the_rule_of_its_part(part: str, name: str) -> None:
    assert not may_import(part, name)


def test_every_module_belongs_to_a_part() -> None:
    assert sorted(path for paths, _ in RULES.values() for path in paths) == modules(
        PACKAGE, FUNCTIONS, STAND_IN, COMMAND
    )


def test_nothing_that_is_deployed_imports_what_is_not() -> None:
    broken = [
        f"{dotted(path)} imports {name}"
        for path in modules(PACKAGE, FUNCTIONS)
        for name in imports(path)
        if is_under(name, "cli", "billing_mirror_cli", "dev", "tests", "functions")
    ]
    assert broken == []


def test_nothing_imports_the_command_but_its_tests_and_its_pages() -> None:
    outside = modules(PACKAGE, FUNCTIONS, *(ROOT / folder for folder in ("dev", "docs", "tests")))
    importing = [path for path in outside if any(is_under(name, "billing_mirror_cli", "cli") for name in imports(path))]
    assert importing
    allowed = (
        *(ROOT / "tests" / tier for tier in ("cli", "documentation", "sandbox")),
        ROOT / "docs" / "command_page.py",
        ROOT / "docs" / "console_pictures.py",
    )
    assert [dotted(path) for path in importing if not any(path.is_relative_to(one) for one in allowed)] == []


@pytest.mark.parametrize("path", modules(PACKAGE / "core", *(PACKAGE / flow for flow in FLOWS)), ids=dotted)
def test_core_and_flows_read_no_clock_of_their_own(path: Path) -> None:
    """``datetime.now()`` and its like need no import of ``time``. A port named ``clock`` may be called."""
    calls = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
        and not (
            not path.is_relative_to(PACKAGE / "core")
            and ast.unparse(node.func.value).split(".")[-1].lstrip("_") == "clock"
        )
    ]
    assert calls == []


@pytest.mark.parametrize("path", modules(PACKAGE), ids=dotted)
def test_nothing_shared_is_read_before_a_wait_and_written_after_it(path: Path) -> None:
    """``self.count += await f()`` reads the count first, and loses what others have counted until it is written."""
    lost = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AugAssign)
        and not isinstance(node.target, ast.Name)
        and any(isinstance(part, ast.Await) for part in ast.walk(node.value))
    ]
    assert lost == []


@pytest.mark.parametrize("path", modules(PACKAGE / "core"), ids=dotted)
def test_core_neither_reads_nor_writes_anything(path: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}


TYPE_NAMES = {
    name for object_type in catalog.TYPES.values() for name in (object_type.name, *object_type.aliases)
} | catalog.PARTS.keys()

NO_TYPES = {
    "customer": "a column of the table, and a placeholder in list URLs",
    "invoice": "a field of bodies that views read; so are those below",
    "product": "a field of bodies",
    "subscription": "a field of bodies",
    "subscription_schedule": "a field of bodies",
    "price": "the function of that name",
    "v2.core.event": "what every thin event calls itself, on the queue, too: the same word as the type's name",
}
"""Names of types that also stand for something else, and what that is."""

ALLOWED = {
    "billing_mirror.core.events.messages": {"v2.core.event"},
    "billing_mirror.adapters.table.dynamodb": {"customer"},
    "billing_mirror.adapters.table.erasure": {"customer"},
    "billing_mirror.core.changes.change": {"customer"},
    "billing_mirror.core.runs.forgetting": {"customer"},
    "billing_mirror.core.table.items": {"customer"},
    "billing_mirror.reconcile.lists.listing": {"customer"},
    "billing_mirror.refresh.apply": {"customer"},
    "billing_mirror.reconcile.usage.sweep": {"customer"},
    "billing_mirror.reader.objects": {"customer"},
    "billing_mirror.views": {"price"},
    "billing_mirror.views.customers": {"customer"},
    "billing_mirror.views.invoices": {"customer", "invoice", "subscription", "subscription_schedule"},
    "billing_mirror.views.prices": {"product"},
    "billing_mirror.views.subscriptions": {"customer"},
    "cli.billing_mirror_cli.customer.subscriptions": {"price"},
    "cli.billing_mirror_cli.mirror": {"customer"},
}


def types_named(source: str) -> list[str]:
    """The type names in a module's strings: a dotted one anywhere in a string, a plain word as the whole of it."""
    return [
        name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in sorted(TYPE_NAMES)
        if (name in node.value if "." in name else name == node.value)
    ]


def test_only_the_catalog_names_types() -> None:
    named = {
        dotted(path): found
        for path in modules(PACKAGE, FUNCTIONS, COMMAND)
        if not path.is_relative_to(PACKAGE / "core" / "catalog")
        if (found := set(types_named(path.read_text())))
    }
    assert named == ALLOWED
    assert {name for names in ALLOWED.values() for name in names} == NO_TYPES.keys()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('x = "v2.billing.cadence"', ["v2.billing.cadence"]),
        ('x = "v2.billing.rate_card.rate"', ["v2.billing.rate_card.rate"]),
        ('def f():\n    """Like v1.billing.meter.created."""', ["billing.meter"]),
        ('x = f"run:v2.billing.intent:{y}"', ["v2.billing.intent"]),
        ('x = {"subscription": 1}', ["subscription"]),
        ('if x == "discount": pass', ["discount"]),
        ('"""A subscription of a customer."""', []),
        ('x = "subscriptions"', []),
    ],
)
def test_a_type_name_is_found_wherever_a_string_has_it(source: str, found: list[str]) -> None:
    assert [name for name in types_named(source) if name in found] == found
    assert bool(types_named(source)) is bool(found)


def test_blanket_excepts_stand_only_where_one_failure_must_not_end_others() -> None:
    caught = [
        dotted(path)
        for path in modules(PACKAGE, FUNCTIONS, COMMAND)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and _is_blind(node.type)
    ]
    assert sorted(caught) == [
        "billing_mirror.changes.feed",  # one record's
        "billing_mirror.process.batch",  # one object's
        "billing_mirror.process.resolve",
        "billing_mirror.reconcile.jobs.repair",
        "billing_mirror.reconcile.runs.lifecycle",  # one type's, and its record's
        "billing_mirror.reconcile.runs.lifecycle",
        "billing_mirror.refresh.claims",  # raised again, once the claim is released
    ]


def _is_blind(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in BLIND for node in ast.walk(caught))


class TestTheWalk:
    """The rules above depend on finding every import."""

    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("import os", ["os"]),
            ("import os.path as p, json", ["os.path", "json"]),
            ("from . import times", ["billing_mirror.core.times"]),
            ("from .times import iso", ["billing_mirror.core.times.iso"]),
            ("from ..ingest import accept", ["billing_mirror.ingest.accept"]),
            ("from .. import settings", ["billing_mirror.settings"]),
            ("def f():\n    if True:\n        import stripe", ["stripe"]),
            ("try:\n    from boto3 import client\nexcept ImportError:\n    pass", ["boto3.client"]),
        ],
    )
    def test_sees_every_way_to_import(self, source: str, found: list[str]) -> None:
        assert list(imported(source, f"{OURS}.core")) == found
