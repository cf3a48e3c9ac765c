"""Activates a mutant in the code that this process has loaded. The shipped code knows nothing of it."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from unittest.mock import patch

from .registry import Mutant, Replacement

ROOTS = ("billing_mirror", "tests")
"""Packages whose modules and classes may call an original. Modules of variants keep the originals."""
MUTANTS = __name__.rpartition(".")[0]


class BrokenMutant(Exception):
    """A mutant that does not do what it says. Neither caught nor survived."""


class Calls:
    """How often each variant was called, by the name of its replacement."""

    def __init__(self, mutant: Mutant) -> None:
        self.counts: Counter[str] = Counter({one.name: 0 for one in mutant.replacements})
        self.recursive: set[str] = set()
        """Variants that called themselves where they meant the original."""

    def counted(self, replacement: Replacement) -> Callable[..., object]:
        """The variant, which is counted whenever it is called."""
        name, variant = replacement.name, replacement.variant

        def activated(*args: object, **options: object) -> object:
            if sys._getframe(1).f_code is variant.__code__:
                self.recursive.add(name)
                raise RecursionError(name)
            self.counts[name] += 1
            return variant(*args, **options)

        return activated

    def require_originals(self) -> None:
        """Raises ``BrokenMutant`` where a variant has called itself: what it did is not what was meant."""
        if self.recursive:
            names = ", ".join(sorted(self.recursive))
            raise BrokenMutant(f"calls itself instead of the original, which has to be given a name first: {names}")


@contextmanager
def activated(mutant: Mutant) -> Iterator[Calls]:
    """Puts the variant where an original is held. Raises ``BrokenMutant`` where nothing holds the original."""
    calls = Calls(mutant)
    with ExitStack() as stack:
        for replacement in mutant.replacements:
            slots = list(_attributes_holding(replacement))
            if not slots:
                raise BrokenMutant(f"{mutant.sentence}: nothing holds {replacement.original_name}")
            variant = calls.counted(replacement)
            value = property(variant) if isinstance(replacement.original, property) else variant
            for owner, attribute in slots:
                stack.enter_context(patch.object(owner, attribute, value))
        yield calls


def _attributes_holding(replacement: Replacement) -> Iterator[tuple[ModuleType | type, str]]:
    """The modules and classes that have this very original, each with the attribute's name."""
    modules = [
        module
        for name, module in sys.modules.copy().items()
        if _may_call_originals(name) and name != replacement.variant.__module__
    ]
    classes = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and _may_call_originals(value.__module__)
    }
    owners: list[ModuleType | type] = [*modules, *classes]
    for owner in owners:
        for attribute, value in vars(owner).items():
            if value is replacement.original:
                yield owner, attribute


def _may_call_originals(module: str) -> bool:
    return module.partition(".")[0] in ROOTS and module != MUTANTS and not module.startswith(f"{MUTANTS}.")
