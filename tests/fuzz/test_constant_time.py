"""Signatures are computed in one place, and compared in constant time."""

import ast
import hmac
import inspect
from collections.abc import Iterator
from unittest import mock

from billing_mirror.core.events.signature import is_signed
from tests.template_file import ROOT

from .case import BODY
from .harness import SECRET, IngestHarness, request, signed

SOURCES = sorted([*(ROOT / "layers" / "billing_mirror").rglob("*.py"), *(ROOT / "functions").rglob("*.py")])


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            case ast.Constant(value=str(text)):
                yield text


def test_one_function_computes_signatures() -> None:
    computing = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if {"hmac", "compare_digest", "v1=", "generate_signature_header", "_compute_signature"}
        & set(names(ast.parse(path.read_text())))
    ]
    assert computing == ["layers/billing_mirror/core/events/signature.py"]


def test_it_compares_every_signature_in_constant_time(harness: IngestHarness) -> None:
    compared = [node for node in ast.walk(ast.parse(inspect.getsource(is_signed))) if isinstance(node, ast.Compare)]
    assert {ast.unparse(one) for one in compared} == {"[SCHEME] in parts", "part[0] == 't'", "part[0] == SCHEME"}
    with mock.patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        assert is_signed(BODY, signed(BODY), SECRET)
        harness.post(request(BODY, signed(BODY, "whsec_other")))
    assert compare.call_count > 1
