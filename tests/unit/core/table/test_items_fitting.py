"""DynamoDB holds every body that fits; a body that does not fit into a map is compressed without loss."""

import json
import zlib
from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import json_body
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Item, Value, fits_native_map, item
from tests.doubles.samples import noise

from .observed import SUBSCRIPTION, ref, seen

MAX_ITEM = 409_600
MAX_LEVELS = 32


def nested(levels: int) -> JsonObject:
    value: JsonObject = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def size(value: Value | Item) -> int:
    """Bytes of a value as https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    has it."""
    match value:
        case bytes():
            return len(value)
        case bool() | None:
            return 1
        case int() | Decimal():
            digits = "".join(map(str, Decimal(value).as_tuple().digits)).strip("0")
            return (len(digits) + 1) // 2 + 1 + (value < 0)
        case str():
            return len(value.encode())
        case list():
            return 3 + sum(1 + size(element) for element in value)
        case dict():
            return 3 + sum(1 + len(name.encode()) + size(member) for name, member in value.items())


NUMBERS = (
    st.integers(-(10**37), 10**37)
    | st.integers(-(10**60), 10**60)
    | st.builds(
        lambda digits, exponent: Decimal(f"{digits}e{exponent}"),
        st.integers(-(10**37) + 1, 10**37 - 1).filter(lambda digits: digits % 10 != 0),
        st.integers(-128, 160),
    )
)
TEXTS = st.text(max_size=6)
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.integers(0, 60).map(nested),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(TEXTS, VALUES, max_size=4)


def _plain(value: object) -> Json:
    match value:
        case dict():
            return {str(name): _plain(member) for name, member in value.items()}
        case list():
            return [_plain(element) for element in value]
        case None | bool() | int() | str() | Decimal():
            return value
        case _:
            raise AssertionError(f"{type(value).__name__} came back")


class TestANativeMap:
    @given(BODIES)
    def test_holds_exactly_whatever_is_said_to_fit(self, body: JsonObject) -> None:
        if not fits_native_map(body):
            return
        attribute = TypeSerializer().serialize(body)
        json.dumps(attribute).encode()
        assert json_body.digest(_plain(TypeDeserializer().deserialize(attribute))) == json_body.digest(body)
        assert json_body.depth(body) + 1 <= MAX_LEVELS

    @pytest.mark.parametrize(
        "number",
        [
            "0",
            "-0",
            "0.0",
            "1",
            "-1",
            "12345678901234567890123456789012345678",
            "-0.12345678901234567890123456789012345678",
            "1000.000000000001",
            "1e125",
            "9.9999999999999999999999999999999999999e125",
            "1e-130",
            "1e37",
        ],
    )
    def test_holds_every_number_that_dynamodb_can(self, number: str) -> None:
        body = json_body.parse(f'{{"n": {number}}}')
        assert fits_native_map(body)
        TypeSerializer().serialize(body)

    @pytest.mark.parametrize(
        "number",
        [
            "1" * 39,
            "-" + "1" * 39,
            "0." + "1" * 39,
            "1" + "0" * 37 + "1",
            "1e126",
            "-1e126",
            "1e-131",
            "1e99999",
            "1e-99999",
            "9" * 5000,
        ],
    )
    def test_does_not_hold_a_number_out_of_dynamodbs_range(self, number: str) -> None:
        assert not fits_native_map(json_body.parse(f'{{"a": [{{"n": {number}}}]}}'))

    def test_does_not_hold_half_a_surrogate_pair(self) -> None:
        assert not fits_native_map({"a": "\ud800"})
        assert not fits_native_map({"a": ["x\udfffé"]})
        assert not fits_native_map({"\udabc": 1})
        assert fits_native_map({"a": "\U0001f600é\ue000\ud7ff"})

    def test_does_not_hold_a_member_without_a_name(self) -> None:
        assert not fits_native_map({"": 1})
        assert not fits_native_map({"a": [{"": None}]})

    def test_holds_an_empty_text_and_empty_containers(self) -> None:
        assert fits_native_map({"a": "", "b": [], "c": {}})

    def test_is_as_deep_as_dynamodb_allows_below_the_column(self) -> None:
        assert fits_native_map(nested(items.MAX_MAP_DEPTH))
        assert not fits_native_map(nested(items.MAX_MAP_DEPTH + 1))
        assert items.MAX_MAP_DEPTH + 2 <= MAX_LEVELS

    def test_holds_a_name_of_the_greatest_length_and_no_longer_one(self) -> None:
        assert fits_native_map({"n" * 65_535: 1})
        assert not fits_native_map({"n" * 65_536: 1})

    @pytest.mark.parametrize(
        "number",
        ["1" + "0" * 40, "1." + "0" * 40, "0e200", "0e-500", "1.2345678901234567890123456789012345678e-130"],
    )
    def test_does_not_hold_a_number_that_boto3_refuses(self, number: str) -> None:
        assert not fits_native_map(json_body.parse(f'{{"n": {number}}}'))


class TestAnItem:
    @pytest.mark.parametrize("character", ["a", "é", "\U0001f600"])
    def test_holds_the_body_as_a_map_as_long_as_there_is_room(self, character: str) -> None:
        def kept(length: int) -> Item:
            return item(ref(), seen({"a": character * length}), None)

        longest = (MAX_ITEM - items.ROOM_FOR_KEYS - size(kept(0))) // len(character.encode())
        assert "data" in kept(longest - 20)
        assert "data_z" in kept(longest + 20)

    @pytest.mark.parametrize(
        "value",
        [
            list(range(100_000)),
            [[] for _ in range(103_000)],
            [True] * 205_000,
            [None] * 205_000,
            {f"name {number:06}": 1 for number in range(30_000)},
        ],
        ids=["numbers", "empty lists", "truths", "nulls", "names"],
    )
    def test_counts_what_many_small_values_take(self, value: Json) -> None:
        body: JsonObject = {"a": value}
        assert size(body) > MAX_ITEM
        assert "data_z" in item(ref(), seen(body), None)

    @given(BODIES, st.integers(0, 60))
    def test_is_never_larger_than_dynamodb_allows(self, body: JsonObject, more: int) -> None:
        padded: JsonObject = {**body, "pad": "x" * (MAX_ITEM - items.ROOM_FOR_KEYS - 300 - more)}
        keys: Item = {"pk": "x" * 1500, "sk": "object", "token": 10**37}
        assert size({**item(ref(), seen(padded), None), **keys}) <= MAX_ITEM

    def test_counts_its_members_too(self) -> None:
        listed = tuple[JsonObject, ...]({"id": f"rcdr_{number:060}"} for number in range(7000))
        with pytest.raises(PermanentError, match="too large"):
            item(ref("v2.billing.rate_card_version", "rcdv_1"), seen({"id": "rcdv_1"}, rate=listed), None)

    def test_can_be_written_as_attributes(self) -> None:
        for value in item(ref(), seen(SUBSCRIPTION, rate=({"id": "r"},)), "cus_1").values():
            TypeSerializer().serialize(value)

    def test_holds_a_body_that_fits_no_map_compressed_and_exact(self) -> None:
        body = json_body.parse('{"id": "rcds_1", "n": ' + "7" * 50 + ', "z" : null, "é": 1.50, "half": "\\ud800"}')
        columns = item(ref(), seen(body), None)
        assert "data" not in columns
        compressed = columns["data_z"]
        assert isinstance(compressed, bytes)
        assert json_body.parse(zlib.decompress(compressed).decode()) == body
        assert columns["digest"] == json_body.digest(body)

    @given(BODIES)
    def test_is_either_a_map_or_text_that_says_the_same(self, body: JsonObject) -> None:
        columns = item(ref(), seen({**body, "n": 10**60}), None)
        compressed = columns["data_z"]
        assert isinstance(compressed, bytes)
        assert json_body.parse(zlib.decompress(compressed).decode()) == {**body, "n": 10**60}

    @pytest.mark.parametrize("more", [-200_000, 1])
    def test_is_refused_when_it_is_larger_than_the_table_takes_even_compressed(self, more: int) -> None:
        body: JsonObject = {"id": "rcds_1", "noise": noise(items.MAX_COMPRESSED + more)}
        if more < 0:
            assert "data_z" in item(ref(), seen(body), None)
            return
        with pytest.raises(
            PermanentError, match=r"too large: [0-9,]{10} bytes are 10,\d{3},\d{3} bytes .* 10,485,760 "
        ):
            item(ref(), seen(body), None)

    def test_takes_a_large_body_that_compresses_well(self) -> None:
        columns = item(ref(), seen({"id": "rcds_1", "text": "x" * 1_000_000}), None)
        assert len(columns["data_z"]) < 10_000  # type: ignore[arg-type]
