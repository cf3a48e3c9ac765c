"""What a mutant is: functions of the product, or of a double, replaced by variants that do something wrong.

A variant names the function that it replaces by reference and has its signature, so that renaming the function renames
it here, and mypy tells when a variant no longer fits::

    @mutant("the claim is taken after the fetch")
    @replaces(claim_and_observe)
    async def claims_after_fetch(ports: Ports, ...) -> tuple[int, Observation]:
        ...

Most variants call the function that they replace, with one thing changed. Modules of this package keep the original
under the name by which they import it; a method is given a name first (``replace_item = MemoryMirror.replace``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Replacement:
    """``variant`` is called wherever the code calls ``original``: a function, a method or a property."""

    original: object
    variant: Callable[..., object]

    @property
    def name(self) -> str:
        return f"{self.variant.__module__.rpartition('.')[2]}.{self.variant.__qualname__}"

    @property
    def original_name(self) -> str:
        function = self.original.fget if isinstance(self.original, property) else self.original
        return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', function)}"


@dataclass(frozen=True, slots=True)
class Mutant:
    """``sentence`` says what is done wrong. A ``quick`` one is caught within a few seeds.

    One ``of_budget`` is tried on the model of the budget instead of on schedules.
    """

    sentence: str
    replacements: tuple[Replacement, ...]
    quick: bool = False
    of_budget: bool = False


def replaces(original: Callable[P, R]) -> Callable[[Callable[P, R]], Replacement]:
    """Makes a function the variant of another one."""

    def decorate(variant: Callable[P, R]) -> Replacement:
        return Replacement(original, variant)

    return decorate


def mutant(
    sentence: str, *, also: tuple[Replacement, ...] = (), quick: bool = False, of_budget: bool = False
) -> Callable[[Replacement], Mutant]:
    """Makes a replacement a mutant, ``also`` with others that it needs."""

    def decorate(replacement: Replacement) -> Mutant:
        return Mutant(sentence, (replacement, *also), quick, of_budget)

    return decorate
