"""The proof can fail: what is planted into the code is found. All of it: ``make simulate-defects``."""

import pytest

from .defects import DEFECTS, Defect, Edit
from .planted import catch, planted

ENOUGH = 60
"""Seeds within which a quick one is caught."""


@pytest.mark.parametrize("defect", [one for one in DEFECTS if one.quick], ids=lambda one: one.what.replace(" ", "-"))
def test_a_planted_defect_is_caught(defect: Defect) -> None:
    assert catch(defect, most=ENOUGH) is not None


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.what.replace(" ", "-"))
def test_each_defect_is_a_change_of_the_code_as_it_is(defect: Defect) -> None:
    with planted(defect) as folder:
        for edit in defect.edits:
            text = (folder / edit.file).read_text()
            assert edit.new in text
            compile(text, edit.file, "exec")


def test_there_are_enough_defects_and_each_is_one_of_its_kind() -> None:
    assert len({one.what for one in DEFECTS}) == len(DEFECTS) >= 45
    assert len({one.edits for one in DEFECTS}) == len(DEFECTS)


def test_a_defect_that_the_code_has_outgrown_is_told() -> None:
    outgrown = Defect("no longer there", (Edit("billing_mirror/process/batch.py", "what was there once", ""),))
    with pytest.raises(ValueError, match="does not have this just once"), planted(outgrown):
        pass
