"""Classes of requests with a malicious signature header: none is Stripe's for these bytes and this time."""

import base64
import hashlib
import hmac
import json

from .case import BODY, Case, Cases, case_class, refused
from .harness import CANARY, NOW, OLD_SECRET, SECRET, mac, request, signed
from .oracle import Expected

GOOD = signed(BODY)
T, V1 = GOOD.split(",")
HEX = V1.removeprefix("v1=")
OTHER = mac(BODY, "whsec_other")


@case_class
def no_header() -> Cases:
    yield refused("none", None)
    yield refused("empty", "")
    yield refused("blank", " ")
    yield refused("only a comma", ",")
    yield refused("only an equals sign", "=")
    yield refused("no headers", None, headers={})
    yield refused("headers that are null", None, headers=None)
    yield refused("header that is null", None, headers={"stripe-signature": None})
    bare = request(BODY)
    del bare["headers"]
    yield Case("headers that are missing", bare, Expected.REFUSED)


@case_class
def another_header() -> Cases:
    for name in (
        "x-stripe-signature", "stripe_signature", "stripe-signature ", " stripe-signature", "stripe-signature\n",
        "stripe-signature\x00", "stripesignature", "stripe-signature:", "ﬆripe-signature", "authorization", "",
    ):  # fmt: skip
        yield refused(f"{name!r}", None, headers={name: GOOD})


@case_class
def signature_elsewhere() -> Cases:
    yield refused("query", None, rawQueryString=f"stripe-signature={GOOD}", queryStringParameters={"v1": HEX})
    yield refused("cookie", None, cookies=[f"stripe-signature={GOOD}"])
    yield refused("lists of values, as format 1.0 has them", None, multiValueHeaders={"stripe-signature": [GOOD]})
    yield refused("body", None, BODY[:-1] + f', "stripe-signature": "{GOOD}"}}')
    yield refused("the context of the request", None, requestContext={"stripe-signature": GOOD})
    yield refused("top of the event", None, **{"stripe-signature": GOOD})


@case_class
def no_time() -> Cases:
    yield refused("none", V1)
    yield refused("empty", f"t=,{V1}")
    yield refused("without equals sign", f"t,{V1}")
    yield refused("of another name", f"time={NOW},{V1}")
    yield refused("in capitals", f"T={NOW},{V1}")
    yield refused("after a space", f" {T},{V1}")
    yield refused("before a space", f"t ={NOW},{V1}")
    yield refused("after a colon", f"t:{NOW},{V1}")


@case_class
def several_times() -> Cases:
    stale = signed(BODY, at=NOW - 1000)
    yield refused("the same twice", f"{T},{GOOD}")
    yield refused("fresh before stale", f"{T},{stale}")
    yield refused("fresh after stale", f"{stale},{T}")
    yield refused("second one empty", f"{GOOD},t=")
    yield refused("second one bare", f"{GOOD},t")
    yield refused("two headers joined", f"{GOOD},{GOOD}")
    yield refused("two headers joined, with a space", f"{stale}, {GOOD},{T}")
    yield refused("forty", ",".join([T] * 40) + f",{V1}")


@case_class
def time_that_is_no_plain_number() -> Cases:
    for text in (
        f"-{NOW}", f"+{NOW}", f"{NOW}.0", f"{NOW}.", f"{NOW}e0", "1.7e9", "0x6553f100", f"{NOW}L", "1_700_000_000",
        f" {NOW}", f"{NOW} ", f"{NOW}\n", f"{NOW}\x00", f"\t{NOW}", "NaN", "inf", "now", "null", "2023-11-14T22:13:20Z",
        f"={NOW}", f"{NOW}=", f"{NOW}={NOW}", f"'{NOW}'", f'"{NOW}"', f"({NOW})", f"{NOW}%00", f"%31{str(NOW)[1:]}",
    ):  # fmt: skip
        yield refused(f"{text!r}", f"t={text},{V1}")


@case_class
def time_that_overflows() -> Cases:
    for digits in (13, 19, 20, 40, 300, 1000, 4000):
        yield refused(f"{digits} nines", f"t={'9' * digits},{V1}")
    yield refused("2 to the 31st", signed(BODY, at=2**31))
    yield refused("2 to the 32nd", signed(BODY, at=2**32 + NOW))
    yield refused("milliseconds", signed(BODY, at=NOW * 1000))
    yield refused("leading zeros without end", f"t={'0' * 500}{NOW},{V1}")


@case_class
def time_in_other_digits() -> Cases:
    for name, zero in (("Arabic", 0x660), ("Devanagari", 0x966), ("fullwidth", 0xFF10), ("bold", 0x1D7CE)):
        digits = "".join(chr(zero + int(digit)) for digit in str(NOW))
        yield refused(name, f"t={digits},{V1}")
        yield refused(f"one {name}", f"t={digits[0]}{str(NOW)[1:]},{V1}")
    yield refused("superscript", f"t=\u00b9{str(NOW)[1:]},{V1}")
    yield refused("Roman", f"t=\u216f,{V1}")


@case_class
def time_too_far_away() -> Cases:
    for away in (-301, -302, -3600, -86_400 * 400, -NOW, 301, 302, 3600, 86_400 * 400):
        yield refused(f"{away:+}", signed(BODY, at=NOW + away))


@case_class
def time_just_within() -> Cases:
    for away in (-300, -299, 299, 300):
        yield Case(f"{away:+}", request(BODY, signed(BODY, at=NOW + away)), Expected.QUEUED)
    yield Case("leading zeros", request(BODY, f"t=00{NOW},{V1}"), Expected.QUEUED)


@case_class
def time_that_was_not_signed() -> Cases:
    yield refused("a second later", f"t={NOW + 1},{V1}")
    yield refused("stale, with a fresh time instead", f"{T},v1={mac(BODY, at=NOW - 1000)}")
    yield refused("signed with leading zeros", f"t=00{NOW},v1={mac(BODY, at=f'00{NOW}')}")
    yield refused("signed as a float", f"{T},v1={mac(BODY, at=f'{NOW}.0')}")
    yield refused("moved between time and body", f"t={NOW // 10},v1={mac(BODY, at=NOW)}")


@case_class
def another_scheme() -> Cases:
    for name in ("v0", "v2", "v", "V1", "v1 ", " v1", "v11", "v01", "v1.0", "1", "sha256", "hmac", "v1[]", "v1\x00"):
        yield refused(f"{name!r}", f"{T},{name}={HEX}")
    yield refused("the test scheme, with a wrong v1", f"{T},v0={HEX},v1={OTHER}")


@case_class
def no_signature() -> Cases:
    yield refused("only a time", T)
    yield refused("empty", f"{T},v1=")
    yield refused("bare", f"{T},v1")
    yield refused("bare, before one that fits", f"{T},v1,{V1}")
    yield refused("many empty ones", T + ",v1=" * 50)
    yield refused("after a second equals sign", f"{T},v1=={HEX}")
    yield refused("null", f"{T},v1=null")
    yield refused("true", f"{T},v1=true")


@case_class
def several_signatures_and_none_fits() -> Cases:
    yield refused("two", f"{T},v1={OTHER},v1={mac(BODY, 'whsec_third')}")
    yield refused("two halves", f"{T},v1={HEX[:32]},v1={HEX[32:]}")
    yield refused("fifty", T + f",v1={OTHER}" * 50)
    yield refused("of the secret before and of another time", f"{T},v1={mac(BODY, OLD_SECRET, NOW - 1)},v1={OTHER}")


@case_class
def several_signatures_and_one_fits() -> Cases:
    for name, header in (
        ("last", f"{T},v1={OTHER},{V1}"),
        ("first", f"{T},{V1},v1={OTHER}"),
        ("before the time", f"{V1},{T}"),
        ("of the secret before", f"{T},v1={OTHER},v1={mac(BODY, OLD_SECRET)}"),
        ("beside the test scheme", f"{T},v0={OTHER},{V1}"),
        ("with something after it", f"{T},{V1}={CANARY}"),
        ("beside one that is empty", f"{T},v1=,{V1}"),
    ):
        yield Case(name, request(BODY, header), Expected.QUEUED)


@case_class
def hexadecimal_in_capitals() -> Cases:
    yield refused("the signature", f"{T},v1={HEX.upper()}")
    yield refused("one digit", f"{T},v1={_with_a_capital(HEX)}")
    yield refused("all of it", GOOD.upper())


@case_class
def signature_of_another_length() -> Cases:
    for length in (0, 1, 2, 8, 32, 62, 63):
        yield refused(f"{length} digits", f"{T},v1={HEX[:length]}")
    yield refused("one digit more", f"{T},v1={HEX}0")
    yield refused("twice", f"{T},v1={HEX}{HEX}")
    yield refused("a zero before", f"{T},v1=0{HEX}")
    yield refused("without the first", f"{T},v1={HEX[1:]}")
    yield refused("3,900 digits", f"{T},v1={'a' * 3900}")


@case_class
def signature_in_another_writing() -> Cases:
    digest = bytes.fromhex(HEX)
    for name, text in (
        ("base64", base64.b64encode(digest).decode()),
        ("raw bytes", digest.decode("latin-1")),
        ("0x", f"0x{HEX}"),
        ("percent signs", "".join(f"%{ord(digit):02x}" for digit in HEX)),
        ("colons", ":".join(HEX[i : i + 2] for i in range(0, 64, 2))),
        ("decimal", str(int(HEX, 16))),
        ("backwards", HEX[::-1]),
        ("all zeros", "0" * 64),
        ("all f", "f" * 64),
        ("a letter that is none", "g" + HEX[1:]),
        ("a wildcard", "*"),
        ("SQL", "' OR '1'='1"),
        ("a placeholder", "{expected}"),
        ("the secret", SECRET),
        ("a digit changed", ("1" if HEX[0] == "0" else "0") + HEX[1:]),
        ("the last digit changed", HEX[:-1] + ("1" if HEX[-1] == "0" else "0")),
    ):
        yield refused(name, f"{T},v1={text}")


@case_class
def other_separators() -> Cases:
    for mark in (";", " ", "|", "&", "\t", "\n", "\r\n", "\x00", "/", "\uff0c", ", ", " , ", ",\n", "\\,", "%2c"):
        yield refused(f"{mark!r}", f"{T}{mark}{V1}")
    yield refused("colons for equals signs", GOOD.replace("=", ":"))
    yield refused("spaces around equals signs", GOOD.replace("=", " = "))
    yield refused("no separator", T + V1)


@case_class
def quotes_and_brackets() -> Cases:
    for before, after in ('""', "''", "()", "[]", "{}", "<>", "``"):
        yield refused(f"around all {before}{after}", f"{before}{GOOD}{after}")
        yield refused(f"around the signature {before}{after}", f"{T},v1={before}{HEX}{after}")
    yield refused("JSON", json.dumps({"t": NOW, "v1": HEX}))
    yield refused("of its own name", f"Stripe-Signature: {GOOD}")


@case_class
def empty_parts() -> Cases:
    for name, header in (
        ("between", f"{T},,{V1}"), ("around", f",{GOOD},"), ("many", f"{T}{',' * 100}{V1}"),
        ("equals signs", f"=,{T},==,{V1},==="), ("without a name", f"{T},=x,{V1}"), ("unknown", f"{T},x,y=,{V1}"),
    ):  # fmt: skip
        yield Case(name, request(BODY, header), Expected.QUEUED)
    yield refused("nothing but", "," * 4000)
    yield refused("nothing but equals signs", "=" * 4000)


@case_class
def white_space_around() -> Cases:
    for space in (" ", "\t", "\n", "\r\n", "\x0b", "\x0c", "\x1f", "\x85", "\u2028"):
        yield refused(f"after, {space!r}", GOOD + space)
        yield refused(f"before, {space!r}", space + GOOD)


@case_class
def huge_header() -> Cases:
    yield refused("one too many", GOOD + "," * (4097 - len(GOOD)))
    yield refused("100,000", GOOD + "," * 100_000)
    yield refused("a million", f"{T},v1={'0' * 1_000_000}")
    yield refused("a million times", "t=1," * 250_000)
    yield refused("forty signatures and more", GOOD + f",v1={OTHER}" * 70)
    yield Case("just not too long", request(BODY, GOOD + "," * (4096 - len(GOOD))), Expected.QUEUED)


@case_class
def header_outside_ascii() -> Cases:
    for name, header in (
        ("accent", f"{GOOD},é"), ("byte order mark", f"\ufeff{GOOD}"), ("zero width", f"{T},v1=\u200b{HEX}"),
        ("no-break space", f"{T},\xa0{V1}"), ("Cyrillic name", f"{T},\u04751={HEX}"),
        ("fullwidth", f"{T},\uff561={HEX}"),
        ("half a character", f"{GOOD},\ud800"), ("emoji", f"{GOOD},😀"), ("right to left", f"\u202e{GOOD}"),
        ("Cyrillic digits", GOOD.translate({97: 0x430, 99: 0x441, 101: 0x435})),
        ("Latin-1 digit", f"{T},v1=\xaa{HEX[1:]}"), ("line separator", f"{T},v1={HEX}\u2029"),
    ):  # fmt: skip
        yield refused(name, header)


@case_class
def control_characters_in_the_header() -> Cases:
    for mark in ("\x00", "\x01", "\x08", "\x1b[31m", "\x7f", "\r\nset-cookie: x=1\r\n", "\n", "\x1a"):
        yield refused(f"{mark!r} in the signature", f"{T},v1={HEX[:10]}{mark}{HEX[10:]}")
        yield refused(f"{mark!r} in the time", f"t={str(NOW)[:5]}{mark}{str(NOW)[5:]},{V1}")


@case_class
def signature_of_another_body() -> Cases:
    for name, other in (
        ("a space after it", BODY + " "), ("a newline after it", BODY + "\n"), ("a byte order mark", "\ufeff" + BODY),
        ("none", ""), ("indented", json.dumps(json.loads(BODY), indent=1)), ("compact", BODY.replace(" ", "")),
        ("sorted", json.dumps(json.loads(BODY), sort_keys=True)), ("in UTF-16", BODY.encode("utf-16")),
        ("in base64", base64.b64encode(BODY.encode())), ("its digest", hashlib.sha256(BODY.encode()).digest()),
        ("in capitals", BODY.upper()), ("the first half", BODY[: len(BODY) // 2]), ("twice", BODY + BODY),
        ("live", BODY.replace("false", "true")), ("null", "null"),
    ):  # fmt: skip
        yield refused(name, signed(other))


@case_class
def signature_of_another_secret() -> Cases:
    for name, secret in (
        ("another account's", "whsec_other"), ("none", ""), ("no more than the prefix", "whsec_"), ("blank", " "),
        ("a newline after it", SECRET + "\n"), ("a space before it", " " + SECRET), ("capitals", SECRET.upper()),
        ("without prefix", SECRET.removeprefix("whsec_")), ("backwards", SECRET[::-1]), ("null", "null"),
        ("all of them", f"{SECRET} {OLD_SECRET}"), ("None", "None"), ("a NUL after it", SECRET + "x\x00"),
        ("base64", base64.b64encode(SECRET.encode()).decode()), ("cut", SECRET[:-1]), ("the placeholder", "whsec_..."),
    ):  # fmt: skip
        yield refused(name, signed(BODY, secret))


@case_class
def signature_by_another_rule() -> Cases:
    key, text = SECRET.encode(), f"{NOW}.{BODY}".encode()
    for name, digest in (
        ("SHA-1", hmac.new(key, text, "sha1")), ("SHA-512", hmac.new(key, text, "sha512")),
        ("MD5", hmac.new(key, text, "md5")), ("SHA-256 without a key", hashlib.sha256(text)),
        ("SHA-256 of key and text", hashlib.sha256(key + text)),
        ("key and text swapped", hmac.new(text, key, "sha256")),
        ("without the time", hmac.new(key, BODY.encode(), "sha256")),
        ("without the dot", hmac.new(key, f"{NOW}{BODY}".encode(), "sha256")),
        ("without the body", hmac.new(key, f"{NOW}.".encode(), "sha256")),
        ("with a newline", hmac.new(key, f"{NOW}\n{BODY}".encode(), "sha256")),
        ("SHA3", hmac.new(key, text, "sha3_256")), ("BLAKE2", hmac.new(key, text, "blake2s")),
        ("SHA-256 cut out of SHA-512", hmac.new(key, text, "sha512_256")),
    ):  # fmt: skip
        yield refused(name, f"{T},v1={digest.hexdigest()}")


@case_class
def header_of_several_cases() -> Cases:
    yield refused("a wrong one after the right one", None, headers={"Stripe-Signature": GOOD, "stripe-signature": "x"})
    yield refused("two that disagree", None, headers={"STRIPE-SIGNATURE": f"{T},v1={OTHER}"})


def _with_a_capital(digits: str) -> str:
    letter = next(digit for digit in digits if digit.isalpha())
    return digits.replace(letter, letter.upper(), 1)
