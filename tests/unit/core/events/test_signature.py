"""Which headers are worth an HMAC: one time, fresh in both directions, harmless to the library."""

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.errors import ConfigurationError, InvalidSignature
from billing_mirror.core.events.signature import MAX_HEADER, TOLERANCE, is_signed, require_fresh, secrets_in

NOW = 1_735_689_600
SECRET = "whsec_one"
BODY = '{"id": "evt_1"}'


def signed(at: int = NOW) -> str:
    header: str = stripe.WebhookSignature.generate_signature_header(BODY, SECRET, at)
    return header


class TestAFreshHeader:
    def test_is_given_back_as_it_came(self) -> None:
        assert require_fresh(signed(), NOW) == signed()

    @pytest.mark.parametrize("header", ["t={},v0=ab,v1=cd,v1=ef", "v1=cd,t={}", "t={}", "v1=,t={},x"])
    def test_may_have_anything_beside_its_time(self, header: str) -> None:
        assert require_fresh(header.format(NOW), NOW)

    @pytest.mark.parametrize("away", [-TOLERANCE, -1, 0, 1, TOLERANCE])
    def test_lies_within_the_tolerance_before_or_after_now(self, away: int) -> None:
        assert require_fresh(signed(NOW + away), NOW)

    @given(st.integers(-1000, 1000), st.floats(0, 1, exclude_max=True))
    def test_is_one_within_five_minutes_and_no_other(self, away: int, fraction: float) -> None:
        fresh = abs((NOW + fraction) - (NOW + away)) <= 300  # a clock rounds a tiny fraction away
        try:
            require_fresh(signed(NOW + away), NOW + fraction)
        except InvalidSignature:
            assert not fresh
        else:
            assert fresh


class TestARefusedHeader:
    @pytest.mark.parametrize("away", [-TOLERANCE - 1, TOLERANCE + 1, -86_400, 86_400, -NOW, 10 * NOW])
    def test_is_one_from_too_far_away_in_either_direction(self, away: int) -> None:
        with pytest.raises(InvalidSignature, match="too far from now"):
            require_fresh(signed(NOW + away), NOW)

    @pytest.mark.parametrize("header", [None, ""])
    def test_is_one_that_is_not_there(self, header: str | None) -> None:
        with pytest.raises(InvalidSignature, match="is missing"):
            require_fresh(header, NOW)

    @pytest.mark.parametrize(
        "header",
        [
            "v1=ab",
            "t=,v1=ab",
            "t",
            "t,v1=ab",
            "t=x",
            "t=-1",
            f"t=+{NOW}",
            f"t={NOW}.5",
            f"t= {NOW}",
            f"t={NOW} ",
            f"t={NOW}\n",
            f" t={NOW}",
            f"T={NOW}",
            f"t={NOW}=1",
            f"t=1_{NOW}",
            "t=" + "9" * 13,
            "t=" + "9" * 4000,
            f"t={NOW},t={NOW}",
            f"t={NOW},v1=ab,t=1",
            f"t=1,v1=ab,t={NOW}",
            f"t={NOW},t",
            f"t={NOW},t=",
            f"t;{NOW}",
        ],
    )
    def test_is_one_without_exactly_one_time(self, header: str) -> None:
        with pytest.raises(InvalidSignature, match="does not have one time"):
            require_fresh(header, NOW)

    @pytest.mark.parametrize("header", [f"t={NOW},v1=é", f"t={NOW},v1=\udce9", "t=١٢٣,v1=ab"])
    def test_is_a_header_with_characters_outside_ascii(self, header: str) -> None:
        with pytest.raises(InvalidSignature, match="is malformed"):
            require_fresh(header, NOW)

    def test_is_one_that_is_too_long(self) -> None:
        longest = f"t={NOW},v1=".ljust(MAX_HEADER, "a")
        assert require_fresh(longest, NOW) == longest
        with pytest.raises(InvalidSignature, match="is malformed"):
            require_fresh(longest + "a", NOW)

    def test_is_answered_with_a_400(self) -> None:
        with pytest.raises(InvalidSignature) as refused:
            require_fresh(None, NOW)
        assert refused.value.status == 400


PARTS = st.sampled_from([f"t={NOW}", f"t={NOW - 9999}", "t=", "t", " t=1", "v1=ab", "v0=cd", "", "=", "t=0x1", "T=1"])


@given(st.lists(PARTS, max_size=6).map(",".join) | st.text(st.sampled_from("t=,v1 0\n"), max_size=12))
def test_the_time_that_is_judged_is_the_time_that_the_library_signs(header: str) -> None:
    try:
        require_fresh(header, NOW)
    except InvalidSignature:
        return
    judged, _ = stripe.WebhookSignature._get_timestamp_and_signatures(header, "v1")
    assert abs(judged - NOW) <= TOLERANCE


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_that_passes_makes_the_library_fail_in_another_way(prefix: str, suffix: str) -> None:
    header = f"{prefix},t={NOW},v1={suffix}"
    try:
        require_fresh(header, NOW)
    except InvalidSignature:
        return
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(BODY, header, SECRET)


class TestSecrets:
    @pytest.mark.parametrize(
        ("text", "secrets"),
        [
            ("whsec_a", ("whsec_a",)),
            ("  whsec_new\n\twhsec_old\r\n", ("whsec_new", "whsec_old")),
            ("whsec_a,whsec_b", ("whsec_a", "whsec_b")),
            ("whsec_a;whsec_b", ("whsec_a", "whsec_b")),
            (" whsec_a ,\r\n whsec_b; ", ("whsec_a", "whsec_b")),
            ("whsec_a\u00a0whsec_b", ("whsec_a", "whsec_b")),
            ("whsec_MfKQ9r8G+/aX==", ("whsec_MfKQ9r8G+/aX==",)),
        ],
    )
    def test_are_the_words_of_a_text(self, text: str, secrets: tuple[str, ...]) -> None:
        assert secrets_in(text) == secrets

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " \n,;",
            "whsec_",
            "replace-me",
            "put whsec_a here",
            "whsec_a sk_live_1",
            "WHSEC_a",
            "xwhsec_a",
            "whsec_a|whsec_b",
            "whsec_awhsec_b",
            "whsec_a.whsec_b",
            '"whsec_a"',
            "whsec_ä",
            "whsec_a\x00",
            "whsec_" + "a" * 256,
        ],
    )
    def test_stop_the_function_where_a_word_cannot_be_one(self, text: str) -> None:
        with pytest.raises(ConfigurationError, match="SIGNING_SECRET_ARN") as stopped:
            secrets_in(text)
        assert not any(word in str(stopped.value) for word in text.split() if word != "whsec_")


def library_accepts(text: str, header: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(text, header, secret))
    except stripe.SignatureVerificationError:
        return False


FORMS = (
    "{signed}",
    "v1=,{signed}",
    "{signed},x",
    "t=0{time},v1={v1}",
    "t={time},v1={v1}=x",
    "v1,{signed}",
    "t={time}",
)


class TestASignature:
    def test_is_of_this_text_this_time_and_this_secret(self) -> None:
        assert is_signed(BODY, signed(), SECRET)
        assert not is_signed(BODY + " ", signed(), SECRET)
        assert not is_signed(BODY, signed().replace(str(NOW), str(NOW + 1)), SECRET)
        assert not is_signed(BODY, signed(), "whsec_two")

    def test_may_be_one_of_several(self) -> None:
        assert is_signed(BODY, f"{signed()},v1={'0' * 64},v0={'1' * 64}", SECRET)
        assert is_signed(BODY, signed().replace("v1=", f"v1={'0' * 64},v1="), SECRET)

    def test_has_the_scheme_that_stripe_uses(self) -> None:
        assert not is_signed(BODY, signed().replace("v1=", "v0="), SECRET)
        assert not is_signed(BODY, f"t={NOW}", SECRET)

    @given(
        st.text(max_size=30),
        st.sampled_from(FORMS),
        st.sampled_from([SECRET, "whsec_two"]),
        st.booleans(),
    )
    def test_is_one_that_stripe_s_library_accepts(self, text: str, form: str, secret: str, of_it: bool) -> None:
        header = stripe.WebhookSignature.generate_signature_header(text if of_it else text + "x", SECRET, NOW)
        shown = form.format(signed=header, time=NOW, v1=header.partition("v1=")[2])
        assert is_signed(text, shown, secret) is library_accepts(text, shown, secret)
