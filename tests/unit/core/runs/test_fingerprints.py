"""Which ids lists have shown."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.runs.fingerprints import SIZE, Fingerprints, fingerprint, pack

IDS = st.text() | st.from_regex(r"\A(cus|in)_[A-Za-z0-9]{1,4}\Z")


@given(st.lists(st.lists(IDS)), st.lists(IDS))
def test_fingerprints_behave_like_a_set_of_ids(pages: list[list[str]], others: list[str]) -> None:
    shown, ids = Fingerprints(), {identifier for page in pages for identifier in page}
    for page in pages:
        shown.add(pack(page))
    for identifier in [*ids, *others]:
        assert (identifier in shown) is (identifier in ids)


def test_a_page_takes_eight_bytes_for_each_id_however_long() -> None:
    assert len(pack(["a" * 900, "\ud800", "b"])) == 3 * SIZE == 24


def test_many_ids_take_few_bytes_each() -> None:
    number = 200_000
    tracemalloc.start()
    shown = Fingerprints()
    for start in range(0, number, 100):
        shown.add(pack(f"rcds_{one}" for one in range(start, start + 100)))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / number < 60, "mostly for the sorting, of which there is no more for ten millions"
    assert all(f"rcds_{one}" in shown for one in range(0, number, 997))
    assert not any(f"rcds_{one}" in shown for one in range(number, number + 100_000, 97))


def test_the_end_of_one_and_the_beginning_of_the_next_are_no_fingerprint() -> None:
    one, found = fingerprint("one"), Fingerprints()
    head, rest = one[:2], one[2:]
    found.add(head + b"abc" + rest[:3] + head + rest[3:] + b"abc")
    assert "one" not in found
    found.add(one)
    assert "one" in found
