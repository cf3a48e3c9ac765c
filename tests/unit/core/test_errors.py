"""Errors are split by what happens next; whoever catches one kind must not catch another."""

import importlib
import pkgutil

import pytest

import billing_mirror
from billing_mirror.core import errors
from billing_mirror.core.errors import (
    BadRequest,
    ConfigurationError,
    InvalidRequest,
    InvalidSignature,
    MirrorError,
    NotFound,
    PermanentError,
    RunConflict,
    TransientError,
    Unauthorized,
)

ENDINGS: list[type[MirrorError]] = [
    BadRequest,
    TransientError,
    PermanentError,
    NotFound,
    RunConflict,
    InvalidRequest,
    ConfigurationError,
]


def below(error: type[MirrorError]) -> dict[str, object]:
    """The subclasses of an error in our package, by name, each with its own."""
    ours = (kind for kind in error.__subclasses__() if kind.__module__.startswith("billing_mirror."))
    return {kind.__name__: below(kind) for kind in ours}


def drawn(tree: str) -> dict[str, object]:
    """The same, as a docstring draws it: four columns for each level."""
    branches: list[dict[str, object]] = [{}]
    for line in tree.splitlines():
        stem, branch, text = line.removeprefix("    ").partition("── ")
        if branch:
            depth, name = len(stem) // 4, text.split()[0]
            branches[depth + 1 :] = [{}]
            branches[depth][name] = branches[depth + 1]
    return branches[0]


def test_the_docstring_draws_every_error_of_the_package_below_its_kind() -> None:
    for module in pkgutil.walk_packages(billing_mirror.__path__, "billing_mirror."):
        importlib.import_module(module.name)
    assert drawn(errors.__doc__ or "") == below(MirrorError)


def test_a_drawn_tree_is_read_level_by_level() -> None:
    tree = """
    Root
    ├── One     first
    │   ├── Two
    │   └── Three   third
    │       └── Four
    └── Five
    """
    assert drawn(tree) == {"One": {"Two": {}, "Three": {"Four": {}}}, "Five": {}}


def test_every_error_is_one_of_ours() -> None:
    defined = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(error, MirrorError) for error in defined)


def test_the_special_cases_end_like_their_kind() -> None:
    assert issubclass(InvalidSignature, BadRequest)
    assert issubclass(Unauthorized, PermanentError)


@pytest.mark.parametrize("error", [InvalidSignature, Unauthorized, *ENDINGS])
def test_an_error_ends_in_exactly_one_way(error: type[MirrorError]) -> None:
    assert sum(issubclass(error, ending) for ending in ENDINGS) == 1


def test_the_text_of_an_error_is_its_sentence() -> None:
    sentence = "one sentence"
    raised = [
        BadRequest(413, sentence),
        InvalidSignature(sentence),
        TransientError(sentence),
        PermanentError(sentence),
        NotFound(sentence),
    ]
    assert {str(error) for error in raised} == {sentence}


def test_a_bad_request_carries_the_status_of_its_answer() -> None:
    assert BadRequest(413, "too large").status == 413
    assert InvalidSignature("stale").status == 400


def test_a_transient_error_names_no_wait_by_default() -> None:
    plain, throttled = TransientError("busy"), TransientError("busy", retry_after=7.0, throttled=True)
    assert (plain.retry_after, plain.throttled) == (None, False)
    assert (throttled.retry_after, throttled.throttled) == (7.0, True)
