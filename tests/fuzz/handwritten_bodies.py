"""Classes of requests whose body is malicious before it is parsed as an event: its bytes, its size, its JSON."""

import base64
import gzip
import json
import zlib

from .case import BODY, SNAPSHOT, Case, Cases, case_class, ending, quarantined, queued, refused, snapshot, thin
from .harness import CANARY, request, signed
from .oracle import LIMIT, Expected

NOTE = f'{{"note": "{CANARY}"}}'


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def in_base64(name: str, raw: bytes, expected: Expected) -> Case:
    """Signed just as it is."""
    return Case(name, request(encoded(raw), signed(raw), isBase64Encoded=True), expected)


@case_class
def body_that_was_tampered_with() -> Cases:
    for name, body in (
        ("a newline after it", BODY + "\n"),
        ("a space before it", " " + BODY),
        ("a NUL after it", BODY + "\x00"),
        ("a byte order mark", "\ufeff" + BODY),
        ("live", BODY.replace("false", "true")),
        ("cut", BODY[:-1]),
        ("another id", BODY.replace("rcds_1", "rcds_2")),
        ("twice", BODY + BODY),
        ("none", ""),
        ("None", None),
        ("a member more", BODY[:-1] + ', "x": 1}'),
        ("CRLF", BODY.replace(", ", ",\r\n")),
        ("a bit", "z" + BODY[1:]),
    ):
        yield refused(name, signed(BODY), body)


@case_class
def body_in_another_encoding() -> Cases:
    accented = thin(note=f"{CANARY} é")
    plain = json.dumps(json.loads(accented), ensure_ascii=False)
    for name in ("utf-16", "utf-32", "latin-1", "cp037"):
        yield in_base64(name, plain.encode(name), Expected.REFUSED)
    yield in_base64("UTF-16 without a mark reads as text with NULs", BODY.encode("utf-16-le"), Expected.QUARANTINED)


@case_class
def body_that_is_not_utf8() -> Cases:
    start, end = BODY[:-3].encode(), b'"}'
    for name, raw in (
        ("0xFF", b"\xff"),
        ("0xFE 0xFF", b"\xfe\xff"),
        ("overlong NUL", b"\xc0\x80"),
        ("overlong slash", b"\xc0\xaf"),
        ("overlong, three bytes", b"\xe0\x80\xaf"),
        ("half a pair", b"\xed\xa0\x80"),
        ("a pair", b"\xed\xa0\xbd\xed\xb8\x80"),
        ("cut", b"\xe2\x82"),
        ("only a tail", b"\x80"),
        ("beyond Unicode", b"\xf4\x90\x80\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("Latin-1", b"\xe9"),
    ):
        yield in_base64(name, start + raw + end, Expected.REFUSED)
        yield in_base64(f"{name}, alone", raw, Expected.REFUSED)


@case_class
def half_characters_from_api_gateway() -> Cases:
    for name, body in (
        ("high", f"{NOTE}\ud800"),
        ("low", "\udc00"),
        ("swapped", "\udc00\ud800"),
        ("last", BODY + "\udfff"),
    ):
        yield refused(name, signed(body), body)


@case_class
def base64_that_is_none() -> Cases:
    good = encoded(BODY.encode())
    for name, body in (
        ("plain JSON", BODY),
        ("no padding", encoded(b"xxxx").rstrip("=")),
        ("a space", good[:8] + " " + good[8:]),
        ("lines", "\n".join((good[:76], good[76:]))),
        ("other alphabet", encoded(b"\xfb\xff\xfe").translate({43: 45, 47: 95})),
        ("a data URL", f"data:application/json;base64,{good}"),
        ("emoji", "😀" + good),
        ("half a character", "\ud800" + good),
        ("NUL", good + "\x00"),
        ("padding in the middle", "eA==" + good),
        ("one digit", "e"),
        ("percent signs", good + "%3D"),
        ("too much padding", encoded(BODY.encode() + b"xx") + "==="),
        ("other digits", "\uff21" * 4),
    ):
        yield refused(name, signed(BODY), body, isBase64Encoded=True)


@case_class
def base64_that_is_not_declared_or_applied_twice() -> Cases:
    good = encoded(BODY.encode())
    yield refused("not declared", signed(BODY), good)
    yield refused("twice", signed(BODY), encoded(good.encode()), isBase64Encoded=True)
    yield refused("declared, of an empty body", signed(BODY), "", isBase64Encoded=True)
    yield quarantined("not declared, and signed as it is", good)


@case_class
def body_over_the_limit() -> Cases:
    for name, body in (
        ("one too many", "x" * (LIMIT + 1)),
        ("an event", BODY + " " * (LIMIT + 1 - len(BODY))),
        ("bytes, not characters", "é" * (LIMIT // 2 + 1)),
        ("twice", "x" * 2 * LIMIT),
        ("deep", "[" * (LIMIT + 1)),
        ("emoji", "😀" * (LIMIT // 4 + 1)),
    ):
        for header in (signed(body), None):
            yield Case(f"{name}, {'signed' if header else 'unsigned'}", request(body, header), Expected.TOO_LARGE)
    for size in (LIMIT + 1, 2 * LIMIT):
        yield in_base64(f"{size} in base64", b"x" * size, Expected.TOO_LARGE)
    yield Case(
        "no base64, and far too large", request("!" * (2 * LIMIT + 1), "x", isBase64Encoded=True), Expected.TOO_LARGE
    )


@case_class
def body_at_the_limit() -> Cases:
    full = BODY + " " * (LIMIT - len(BODY))
    yield queued("an event", full)
    yield queued("a snapshot of half a megabyte", snapshot(note="y" * 500_000))
    yield queued("a snapshot of four megabytes", snapshot(note="y" * 4_000_000))
    yield quarantined("deep", "[" * 4_000_000)
    yield refused("five megabytes, unsigned", None, "x" * 5_000_000)
    yield refused("five megabytes, of another", signed("x"), "x" * 5_000_000)
    yield queued("white space before it", " " * (LIMIT - len(BODY)) + BODY)
    yield in_base64("in base64", full.encode(), Expected.QUEUED)
    yield quarantined("nonsense", (CANARY * LIMIT)[:LIMIT])
    yield quarantined("of two bytes each", "é" * (LIMIT // 2))
    yield quarantined("one string", f'"{"x" * (LIMIT - 2)}"')
    yield queued("one long member", BODY[:-1] + f', "x": "{"y" * (LIMIT - len(BODY) - 9)}"}}')
    yield refused("unsigned", None, full)
    yield refused("of another", signed("x"), full)


@case_class
def empty_body() -> Cases:
    yield Case("signed", request("", signed("")), Expected.QUARANTINED)
    yield Case("None, signed", request(None, signed("")), Expected.QUARANTINED)
    yield Case("in base64, signed", request("", signed(""), isBase64Encoded=True), Expected.QUARANTINED)
    bare = request("", signed(""))
    del bare["body"]
    yield Case("missing, signed", bare, Expected.QUARANTINED)
    yield refused("unsigned", None, "")
    yield refused("None, unsigned", None, None)
    for blank in (" ", "\n", "\t\r\n", "\x00", "\ufeff", "\u3000"):
        yield quarantined(f"{blank!r}", blank)


@case_class
def scalars() -> Cases:
    for text in ("null", "true", "false", "0", "-0", "1e999", "-1.5", f'"{CANARY}"', '""', '"{}"', "1700000000"):
        yield quarantined(text, text)
    yield quarantined("an event in a string", json.dumps(BODY))


@case_class
def lists() -> Cases:
    for text in (
        "[]",
        "[[]]",
        "[null]",
        f"[{BODY}]",
        f"[{BODY}, {BODY}]",
        f'["object", {BODY}]',
        "[" + "0," * 99 + "0]",
    ):
        yield quarantined(f"{text:.20}, {len(text)}", text)


@case_class
def objects_that_are_no_events() -> Cases:
    for text in (
        "{}",
        NOTE,
        '{"": {}}',
        '{"object": {}}',
        f'{{"event": {BODY}}}',
        f'{{"data": {BODY}}}',
        '{"id": "evt_1"}',
    ):
        yield quarantined(f"{text:.20}", text)


@case_class
def broken_json() -> Cases:
    for name, text in (
        ("open", BODY[:-1]),
        ("a comma too many", BODY[:-1] + ",}"),
        ("single quotes", BODY.replace('"', "'")),
        ("a comment", BODY[:-1] + "/* x */}"),
        ("a line comment", BODY + "// x"),
        ("bare names", BODY.replace('"id"', "id")),
        ("two", BODY + BODY),
        ("lines of JSON", f"{BODY}\n{BODY}"),
        ("something after it", BODY + " x"),
        ("something before it", "x " + BODY),
        ("JSONP", f"f({BODY})"),
        ("a guard", f")]}}',\n{BODY}"),
        ("YAML", "object: event"),
        ("XML", f"<event>{CANARY}</event>"),
        ("entities", '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>'),
        ("HTML", "<html><script>alert(1)</script>"),
        ("pickle", "cos\nsystem\n(S'id'\ntR."),
        ("TOML", "object = 'event'"),
        ("leading zero", ending('"x": 01')),
        ("plus sign", ending('"x": +1')),
        ("hexadecimal", ending('"x": 0x1')),
        ("a dot", ending('"x": 1.')),
        ("True", BODY.replace("false", "False")),
        ("undefined", BODY.replace("false", "undefined")),
        ("only a brace", "{"),
        ("the other brace", "}"),
        ("equals signs", BODY.replace(":", "=")),
        ("RS", "\x1e" + BODY),
    ):
        yield quarantined(name, text)


@case_class
def characters_before_and_after() -> Cases:
    for mark in ("\ufeff", "\u200b", "\u2028", "\xa0", "\x00", "\x0b", "\x0c", "\x1a", "\x85", "\ufffe"):
        yield quarantined(f"before, {mark!r}", mark + BODY)
        yield quarantined(f"after, {mark!r}", BODY + mark)
    yield in_base64("a byte order mark in base64", BODY.encode("utf-8-sig"), Expected.QUARANTINED)
    for mark in (" ", "\n", "\r\n\t "):
        yield queued(f"allowed, {mark!r}", mark + BODY + mark)


@case_class
def duplicate_keys() -> Cases:
    """The last one counts, with nothing in between: what is judged is what is queued."""
    yield quarantined("the kind, at last a snapshot's", ending('"object": "event"'))
    yield quarantined("the kind, at last none", ending('"object": null'))
    yield quarantined("the mode, at last none", ending('"livemode": 1'))
    yield quarantined("the id, at last none", ending('"id": "../../x"'))
    yield quarantined("the id, at last none, written with an escape", ending(r'"\u0069d": "../../x"'))
    yield quarantined("the account, at last invalid", ending('"context": "acct_1", "context": "acct_1/../x"'))
    yield quarantined("the object, at last none", ending('"related_object": []'))
    yield queued("the id, twice the same", ending('"id": "evt_1"'))
    yield queued("at last no object", ending('"related_object": null'))
    yield queued("a thousand of no meaning", ending(", ".join(['"x": 1'] * 1000)))


@case_class
def no_numbers() -> Cases:
    for text in ("NaN", "Infinity", "-Infinity"):
        yield quarantined(text, text)
        yield quarantined(f"{text} for a time", SNAPSHOT.replace("1700000000", text))
        yield quarantined(f"{text} for a mode", BODY.replace("false", text))
        yield quarantined(f"{text} for an id", thin(id=0).replace('"id": 0', f'"id": {text}'))
    yield quarantined("nan", BODY.replace("false", "nan"))
    yield queued("NaN in an ignored member", ending('"x": NaN'))


@case_class
def huge_numbers() -> Cases:
    for name, number in (
        ("2 to the 33rd", str(2**33)),
        ("2 to the 63rd", str(2**63)),
        ("30 digits", "9" * 30),
        ("4,300 digits", "9" * 4300),
        ("200,000 digits", "9" * 200_000),
        ("negative", "-1"),
        ("very negative", "-" + "9" * 400),
        ("a float", "1.7e9"),
        ("infinite", "1e400"),
        ("never ending", "1e999999999"),
        ("tiny", "1e-999999999"),
        ("many digits", "1." + "1" * 100_000),
    ):
        yield quarantined(f"{name}, for a time", SNAPSHOT.replace("1700000000", number))
    yield quarantined("4,301 digits in an ignored member", ending(f'"x": {"9" * 4301}'))
    yield queued("400 digits in an ignored member", ending(f'"x": {"9" * 400}'))


@case_class
def deep_nesting() -> Cases:
    for levels in (201, 1000, 100_000):
        yield quarantined(f"{levels} lists", "[" * levels + "]" * levels)
        yield quarantined(f"{levels} lists that do not end", "[" * levels)
        yield quarantined(f"{levels} lists in an ignored member", ending(f'"x": {"[" * levels}{"]" * levels}'))
        yield quarantined(f"{levels} lists for an id", ending(f'"id": {"[" * levels}{"]" * levels}'))
    yield quarantined("40,000 objects", '{"a":' * 40_000 + "0" + "}" * 40_000)
    yield quarantined("40,000 objects that do not end", '{"a":' * 40_000)
    yield quarantined("of both", '[{"a":' * 30_000)
    yield queued("100 lists in an ignored member", ending(f'"x": {"[" * 100}{"]" * 100}'))


@case_class
def wide_bodies() -> Cases:
    yield queued("20,000 members", ending(", ".join(f'"k{number}": 0' for number in range(20_000))))
    yield queued("100,000 elements", ending(f'"x": [{"0," * 100_000}0]'))
    yield quarantined("a list of 80,000 lists", "[" + "[]," * 80_000 + "[]]")
    yield queued("a name of 200,000 characters", ending(f'"{"n" * 200_000}": 0'))


@case_class
def broken_escapes() -> Cases:
    for name, text in (
        ("half a character", r"\ud800"),
        ("the other half", r"\udc00"),
        ("swapped", r"\udc00\ud800"),
        ("of no meaning", r"\x41"),
        ("cut", r"\u12"),
        ("no digits", r"\uZZZZ"),
        ("a raw newline", "a\nb"),
        ("a raw NUL", "\x00"),
        ("a raw tab", "\t"),
        ("an open end", "\\"),
        ("capital U", r"\U00000041"),
        ("octal", r"\101"),
        ("an escape code", "\x1b[2J"),
    ):
        yield quarantined(name, ending(f'"x": "{text}"'))
        yield quarantined(f"{name}, in a name", ending(f'"{text}": 0'))


@case_class
def compressed_bodies() -> Cases:
    raw = BODY.encode()
    for name, packed in (("gzip", gzip.compress(raw)), ("zlib", zlib.compress(raw)), ("zip", b"PK\x03\x04\xff" + raw)):
        headers = {"content-encoding": name, "content-type": "application/json"}
        whole = request(encoded(packed), None, isBase64Encoded=True)
        yield Case(
            f"{name}, signed packed",
            {**whole, "headers": {**headers, "stripe-signature": signed(packed)}},
            Expected.REFUSED,
        )
        yield Case(
            f"{name}, signed unpacked",
            {**whole, "headers": {**headers, "stripe-signature": signed(raw)}},
            Expected.REFUSED,
        )
    bomb = gzip.compress(b" " * 50_000_000, 9)
    yield in_base64("a bomb", bomb, Expected.REFUSED)
    headers = {"content-encoding": "gzip", "stripe-signature": signed(BODY)}
    yield Case("declared, and not compressed", request(BODY, headers=headers), Expected.QUEUED)


@case_class
def other_media_types() -> Cases:
    parts = f'--x\r\ncontent-disposition: form-data; name="event"\r\n\r\n{BODY}\r\n--x--\r\n'
    yield quarantined("parts", parts)
    yield quarantined("a form", f"object=event&id=evt_1&note={CANARY}")
    yield quarantined("a form with JSON in it", f"payload={BODY}")
    yield quarantined("chunks", f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n")
    yield quarantined("a request in a request", f"POST / HTTP/1.1\r\nhost: x\r\n\r\n{BODY}")
    yield quarantined("an event stream", f"data: {BODY}\n\n")
    yield in_base64("CBOR", b"\xa1\x66object\x65event", Expected.REFUSED)
    yield in_base64("PNG", b"\x89PNG\r\n\x1a\n", Expected.REFUSED)
