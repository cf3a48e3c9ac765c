"""Signatures are compared in constant time, by Stripe's library only."""

import ast
import hmac
import inspect
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import stripe

from billing_mirror.adapters import signature as adapter
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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_our_code_computes_no_signature(path: Path) -> None:
    assert {"hmac", "compare_digest", "v1=", "generate_signature_header", "_compute_signature"} & set(
        names(ast.parse(path.read_text()))
    ) == set()


def test_the_adapter_compares_nothing_and_leaves_the_judgement_to_the_library() -> None:
    tree = ast.parse(inspect.getsource(adapter))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert "verify_header" in set(names(tree))


def test_the_library_compares_in_constant_time(harness: IngestHarness) -> None:
    assert "secure_compare" in inspect.getsource(stripe.WebhookSignature.verify_header)
    with mock.patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
        assert adapter.verify(BODY, signed(BODY), SECRET)
        harness.post(request(BODY, signed(BODY, "whsec_other")))
    assert compare.call_count > 1
