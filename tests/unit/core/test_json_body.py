"""Reading a body exactly, and telling whether two bodies say the same."""

import json
from contextlib import suppress
from decimal import Decimal
from itertools import combinations
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import json_body
from billing_mirror.core.json_body import Json, JsonObject

INTEGERS = st.integers(-(10**90), 10**90)
LONG = st.integers(10**100, 10**130).map(Decimal)
DECIMALS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**20), 10**20),
    st.integers(-140, 9),
)
LEAVES = st.none() | st.booleans() | INTEGERS | LONG | DECIMALS | st.text(max_size=8)
VALUES: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS: st.SearchStrategy[JsonObject] = st.dictionaries(st.text(max_size=4), VALUES, max_size=5)


@st.composite
def spellings(draw: st.DrawFn, value: Json) -> str:
    """One of the many JSON texts that say ``value``."""
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    match value:
        case dict():
            members = [(name, draw(spellings(member))) for name, member in value.items() if member is not None]
            for number in range(draw(st.integers(0, 2))):
                members.append((f"left out {number}", "null"))
            ordered = draw(st.permutations(members))
            return "{" + ",".join(f"{_text(draw, name)}{space}:{text}" for name, text in ordered) + space + "}"
        case list():
            return "[" + f",{space}".join(draw(spellings(element)) for element in value) + "]"
        case str():
            return _text(draw, value)
        case bool() | None:
            return json.dumps(value)
        case int() | Decimal():
            return _number(draw, value)


def _text(draw: st.DrawFn, text: str) -> str:
    match draw(st.sampled_from(["plain", "ascii", "escaped"])):
        case "plain":
            return json.dumps(text, ensure_ascii=False)
        case "ascii":
            return json.dumps(text)
        case _:
            units = text.encode("utf-16-be", "surrogatepass").hex()
            return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'


def _number(draw: st.DrawFn, number: int | Decimal) -> str:
    """The number with its point and its exponent in some other place."""
    if number == 0:
        return draw(st.sampled_from(["0", "-0", "0.0", "-0.00", "0e5", "0E-7", "0.0e+1"]))
    sign, digits, exponent = Decimal(number).as_tuple()
    assert isinstance(exponent, int)
    zeros = draw(st.integers(0, 3))
    written = "".join(map(str, digits)) + "0" * zeros
    exponent -= zeros
    if exponent == 0 and draw(st.booleans()):
        return ("-" if sign else "") + written
    mark = draw(st.sampled_from(["e", "E"]))
    point = draw(st.integers(1, len(written)))
    fraction = f".{written[point:]}" if written[point:] else ""
    plus = draw(st.sampled_from(["", "+"])) if exponent + len(written) - point >= 0 else ""
    return f"{'-' if sign else ''}{written[:point]}{fraction}{mark}{plus}{exponent + len(written) - point}"


def dropped_nulls(value: Json) -> Json:
    match value:
        case dict():
            return {name: dropped_nulls(member) for name, member in value.items() if member is not None}
        case list():
            return [dropped_nulls(element) for element in value]
        case _:
            return value


def typed(value: Json) -> object:
    """``value`` in a form in which Python's ``==`` is JSON's: True is not 1."""
    match value:
        case dict():
            return {name: typed(member) for name, member in value.items()}
        case list():
            return [typed(element) for element in value]
        case bool():
            return ("bool", value)
        case _:
            return value


class TestReading:
    def test_whole_numbers_are_ints_and_others_are_exact_decimals(self) -> None:
        assert json_body.parse('{"a": 1, "b": -7, "c": 0.1, "d": 1e3}') == {
            "a": 1,
            "b": -7,
            "c": Decimal("0.1"),
            "d": Decimal("1e3"),
        }

    @pytest.mark.parametrize(
        "digits",
        ["9007199254740993", "123456789.123456789012", "0.000000000001", "3." + "1" * 300, "9" * 5000],
    )
    def test_no_digit_of_a_number_is_lost(self, digits: str) -> None:
        value = json_body.parse(f'{{"n": {digits}}}')["n"]
        assert not isinstance(value, float)
        assert isinstance(value, int | Decimal)
        assert Decimal(value) == Decimal(digits)

    def test_a_decimal_string_stays_the_string_it_was(self) -> None:
        assert json_body.parse('{"unit_amount": "1000.000000000010"}') == {"unit_amount": "1000.000000000010"}

    @given(VALUES.filter(lambda value: not isinstance(value, dict)))
    def test_anything_but_an_object_is_refused(self, value: Json) -> None:
        with pytest.raises(json_body.Malformed):
            json_body.parse(json.dumps(value, default=str))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "<html>503</html>",
            '{"a": NaN}',
            '{"a": Infinity}',
            '{"a": -Infinity}',
            '{"a": 01}',
            '{"a": 1e99999999999999999999}',
            '{"a": "\n"}',
            '{"a": 1} {"b": 2}',
            "\ufeff{}",
        ],
    )
    def test_what_is_not_json_is_refused(self, text: str) -> None:
        with pytest.raises(json_body.Malformed):
            json_body.parse(text)

    @pytest.mark.parametrize("levels", [json_body.MAX_DEPTH + 1, 5_000, 100_000])
    @pytest.mark.parametrize("shape", [('{"a":', "}"), ('{"a":[', "]}")])
    def test_a_body_nested_too_deep_is_refused_and_not_a_crash(self, levels: int, shape: tuple[str, str]) -> None:
        before, after = shape
        with pytest.raises(json_body.Malformed):
            json_body.parse(before * levels + "1" + after * levels)

    def test_the_deepest_body_that_is_read_can_also_be_compared(self) -> None:
        text = '{"a":' * json_body.MAX_DEPTH + "1" + "}" * json_body.MAX_DEPTH
        value = json_body.parse(text)
        assert json_body.depth(value) == json_body.MAX_DEPTH
        assert json_body.digest(value) == json_body.digest(json_body.parse(text))

    @given(st.text(max_size=30))
    def test_no_text_makes_it_fail_in_another_way(self, text: str) -> None:
        with suppress(json_body.Malformed):
            assert isinstance(json_body.parse(text), dict)


class TestDepth:
    @pytest.mark.parametrize(
        ("value", "levels"),
        [(1, 0), ("x", 0), (None, 0), ({}, 1), ([], 1), ({"a": 1}, 1), ({"a": [1, {}]}, 3), ([[], [[]]], 3)],
    )
    def test_counts_lists_and_objects(self, value: Json, levels: int) -> None:
        assert json_body.depth(value) == levels

    @given(VALUES)
    def test_is_one_more_than_that_of_what_is_inside(self, value: Json) -> None:
        inside = [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else None
        assert json_body.depth(value) == (0 if inside is None else 1 + max(map(json_body.depth, inside), default=0))


class TestCanonical:
    @given(st.data(), OBJECTS)
    def test_equal_values_have_one_text_however_they_were_written(self, data: st.DataObject, value: JsonObject) -> None:
        one, other = data.draw(spellings(value)), data.draw(spellings(value))
        assert json_body.canonical(json_body.parse(one)) == json_body.canonical(json_body.parse(other))
        assert json_body.digest(json_body.parse(one)) == json_body.digest(value)

    @given(OBJECTS, OBJECTS)
    def test_different_values_have_different_texts(self, one: JsonObject, other: JsonObject) -> None:
        same = typed(dropped_nulls(one)) == typed(dropped_nulls(other))
        assert (json_body.canonical(one) == json_body.canonical(other)) is same

    @pytest.mark.parametrize(
        "spelled",
        [
            ["1", "1.0", "1e0", "10e-1", "0.1e1", "1.000"],
            ["0", "-0", "0.0", "-0.0", "0e5", "0e-5"],
            ["1.5", "15e-1", "1.50", "0.15E+1"],
            ["-0.000000000001", "-1e-12", "-0.0000000000010"],
            ["1e100", "1" + "0" * 100, "10e99", "1" + "0" * 100 + ".0"],
            ["1e99", "1" + "0" * 99],
            ["123e-200", "1.23e-198"],
            ["1e5000", "10e4999"],
        ],
    )
    def test_a_number_is_the_same_in_every_notation(self, spelled: list[str]) -> None:
        assert len({json_body.digest(json_body.parse(f'{{"n": {number}}}')) for number in spelled}) == 1

    @pytest.mark.parametrize(
        "values",
        [
            ["1", '"1"', "true", "[1]", "10", "-1", "0.1", "11e-1"],
            ["0", "false", '""', "[]", "{}", "[null]", "[0]"],
            ["123456789.123456789012", "123456789.123456789013", "-123456789.123456789012"],
            ["9007199254740992", "9007199254740993"],
            ["1e100", "1e101", "1e-100", "-1e100"],
            ["1" * 120, "1" * 119 + "2", "1" * 119],
            ['"é"', '"e\\u0301"', '"E"'],
            ["[1, 2]", "[2, 1]", "[1, 2, null]", "[[1, 2]]"],
        ],
    )
    def test_what_is_different_stays_different(self, values: list[str]) -> None:
        texts = [json_body.canonical(json_body.parse(f'{{"v": {value}}}')) for value in values]
        assert all(one != other for one, other in combinations(texts, 2))

    def test_null_members_do_not_count_at_any_level(self) -> None:
        assert json_body.canonical({"a": {"b": None, "c": 1}, "d": None}) == json_body.canonical({"a": {"c": 1}})

    def test_null_elements_of_a_list_count(self) -> None:
        assert json_body.canonical({"a": [None]}) != json_body.canonical({"a": []})

    def test_it_is_plain_json_with_sorted_keys_for_what_needs_no_exact_number(self) -> None:
        assert json_body.canonical({"b": "é", "a": [True, None, 2]}) == '{"a":[true,null,2],"b":"\\u00e9"}'

    def test_half_a_surrogate_pair_has_a_digest_too(self) -> None:
        one, other = json_body.parse('{"a": "\\ud800"}'), json_body.parse('{"a": "\\ud801"}')
        assert json_body.digest(one) != json_body.digest(other)

    def test_the_digest_is_sha256_of_the_canonical_text(self) -> None:
        assert json_body.digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


class TestWriting:
    @given(OBJECTS)
    def test_is_undone_by_reading(self, value: JsonObject) -> None:
        assert typed(json_body.parse(json_body.write(value))) == typed(value)

    @given(st.data(), OBJECTS)
    def test_says_of_any_text_just_what_it_said(self, data: st.DataObject, value: JsonObject) -> None:
        read = json_body.parse(data.draw(spellings(value)))
        assert typed(json_body.parse(json_body.write(read))) == typed(read)

    @pytest.mark.parametrize("digits", ["1.50", "0.000000000001", "1E+400", "9" * 5000, "-1.0", "1e-400"])
    def test_keeps_every_digit_of_a_number(self, digits: str) -> None:
        number = json_body.parse(f'{{"n": {digits}}}')["n"]
        again = json_body.parse(json_body.write({"n": number}))["n"]
        assert str(again) == str(number)

    def test_is_plain_ascii_whatever_the_text(self) -> None:
        value = json_body.parse('{"é\\ud800": ["\\u0000\\"\\n", "\U0001f600", null, true, {}]}')
        text = json_body.write(value)
        assert text.isascii()
        assert json_body.parse(text) == value


class TestDiffering:
    def test_names_the_members_that_differ_in_order(self) -> None:
        one: JsonObject = {"same": 1, "z": 1, "gone": 1, "null": None, "deep": {"x": [1]}}
        other: JsonObject = {"same": Decimal("1.0"), "z": 2, "a": 1, "deep": {"x": [2]}}
        assert json_body.differing_fields(one, other) == ["a", "deep", "gone", "z"]

    @given(OBJECTS, OBJECTS)
    def test_is_empty_exactly_when_the_digests_are_equal(self, one: JsonObject, other: JsonObject) -> None:
        assert (json_body.differing_fields(one, other) == []) is (json_body.digest(one) == json_body.digest(other))


class TestFinding:
    BODY: ClassVar[JsonObject] = {
        "payer": {"customer": "cus_1", "profile": {"id": "bilp_1"}, "empty": "", "count": 3},
        "list": [{"id": "x"}],
        "a.b": "dotted",
    }

    def test_a_dotted_path_leads_through_objects(self) -> None:
        assert json_body.value_at(self.BODY, "payer.count") == 3
        assert json_body.value_at(self.BODY, "payer.profile") == {"id": "bilp_1"}

    @pytest.mark.parametrize("path", ["missing", "payer.missing", "payer.customer.id", "list.id", "list.0", "a.b"])
    def test_a_path_that_leads_nowhere_finds_nothing(self, path: str) -> None:
        assert json_body.value_at(self.BODY, path) is None
        assert json_body.text_at(self.BODY, path) is None

    def test_an_expanded_reference_counts_as_its_id(self) -> None:
        assert json_body.text_at(self.BODY, "payer.profile") == "bilp_1"
        assert json_body.text_at(self.BODY, "payer.customer") == "cus_1"

    @pytest.mark.parametrize("path", ["payer.empty", "payer.count", "payer", "list"])
    def test_what_is_no_text_is_no_text(self, path: str) -> None:
        assert json_body.text_at(self.BODY, path) is None

    def test_no_path_is_the_whole(self) -> None:
        assert json_body.value_at(self.BODY, "") is self.BODY

    @pytest.mark.parametrize("path", ["id", "id.id"])
    @pytest.mark.parametrize("value", [None, True, 1, "id", [{"id": "x"}]], ids=str)
    def test_what_is_no_object_has_no_members(self, value: Json, path: str) -> None:
        assert json_body.value_at(value, path) is None

    @pytest.mark.parametrize(
        ("path", "texts"),
        [
            ("payer.customer", {"cus_1"}),
            ("list.id", {"x"}),
            ("payer.count", set()),
            ("payer.empty", set()),
            ("payer", set()),
            ("missing.id", set()),
            ("payer.customer.id", set()),
        ],
    )
    def test_all_texts_at_a_path_are_found(self, path: str, texts: set[str]) -> None:
        assert json_body.texts_at(self.BODY, path) == texts

    def test_texts_are_found_through_lists_in_lists_and_once_each(self) -> None:
        tree = json_body.parse(
            """{"items": {"data": [
                {"price": {"recurring": {"meter": "mtr_1"}}},
                {"price": {"recurring": {"meter": "mtr_2"}}},
                {"price": {"recurring": {"meter": "mtr_1"}}},
                {"price": {"recurring": null}},
                {"price": "price_1"},
                {"price": {"recurring": {"meter": ["mtr_3", "", 7]}}},
                null, []
            ]}}"""
        )
        assert json_body.texts_at(tree, "items.data.price.recurring.meter") == {"mtr_1", "mtr_2", "mtr_3"}


class TestReplacing:
    def test_another_object_stands_at_the_path_and_all_else_stays(self) -> None:
        before: JsonObject = {"a": {"b": {"old": 1}, "c": 2}, "d": 3}
        assert json_body.with_value(before, "a.b", {"new": 1}) == {"a": {"b": {"new": 1}, "c": 2}, "d": 3}
        assert before == {"a": {"b": {"old": 1}, "c": 2}, "d": 3}

    def test_no_path_is_the_whole(self) -> None:
        assert json_body.with_value({"a": 1}, "", {"b": 2}) == {"b": 2}

    @given(OBJECTS, st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4))
    def test_what_was_put_at_a_path_is_found_there(self, value: JsonObject, steps: list[str]) -> None:
        path = ".".join(steps)
        assert json_body.value_at(json_body.with_value(value, path, {"put": True}), path) == {"put": True}


def test_no_object_looks_like_a_number() -> None:
    assert json_body.digest(json_body.parse('{"a": 1.5}')) != json_body.digest(json_body.parse('{"a": {"15e-1": {}}}'))
    assert json_body.digest(json_body.parse('{"a": 1.5}')) != json_body.digest(
        json_body.parse('{"a": {"15e-1": null}}')
    )


@pytest.mark.parametrize("zero", ["0e100", "0e200", "-0e200", "-0", "0.000"])
def test_zero_is_zero_in_every_notation(zero: str) -> None:
    assert json_body.digest(json_body.parse(f'{{"n": {zero}}}')) == json_body.digest({"n": 0})


def test_an_integer_from_the_table_is_the_number_from_the_text() -> None:
    assert json_body.canonical({"n": 10**110}) == json_body.canonical(json_body.parse('{"n": 1e110}'))
