"""A function with a wrong setting does not start, and names the variable."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.runs.connected import NO_ACCOUNTS, ConnectedAccounts
from billing_mirror.settings import IngestSettings, ProcessSettings, ReconcileSettings

Settings = type[IngestSettings] | type[ProcessSettings] | type[ReconcileSettings]

SECRET = "hunter2"

INGEST = {
    "STACK_NAME": "billing",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/queue",
    "QUARANTINE_URL": "https://sqs.eu-west-1.amazonaws.com/1/quarantine",
    "SIGNING_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:signing",
    "WEBHOOK_SOURCES": "3.18.12.63",
}
RECONCILE = {
    "STACK_NAME": "billing",
    "TABLE_NAME": "billing-table",
    "STRIPE_KEY_ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:key",
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_PREVIEW_VERSION": "2026-10-14.preview",
    "STRIPE_REQUESTS_PER_SECOND": "2.5",
    "RECONCILE_REQUESTS_PER_SECOND": "0",
    "MAX_CONCURRENCY": "5",
    "QUEUE_URL": INGEST["QUEUE_URL"],
    "QUARANTINE_URL": INGEST["QUARANTINE_URL"],
    "USAGE_SWEEP": "off",
    "RECOVER_MINUTES": "5",
    "RATE_CARD_SUBSCRIPTION_HOURS": "1",
    "ACTIVITY_HOURS": "24",
    "CONFIGURATION_HOURS": "168",
    "CATALOG_HOURS": "168",
    "DEEP_VERIFY_PERCENT": "10",
    "TOMBSTONE_DAYS": "0",
    "CONTEXTS": "none",
}
INTERVALS = (
    "RECOVER_MINUTES",
    "RATE_CARD_SUBSCRIPTION_HOURS",
    "ACTIVITY_HOURS",
    "CONFIGURATION_HOURS",
    "CATALOG_HOURS",
)
PROCESS = {
    name: value
    for name, value in RECONCILE.items()
    if name not in ("USAGE_SWEEP", "DEEP_VERIFY_PERCENT", "TOMBSTONE_DAYS", "CONTEXTS", *INTERVALS)
} | {
    "CLOCK_SKEW_MARGIN_SECONDS": "0.5",
    "COALESCING_MILLISECONDS": "75",
}

FUNCTIONS: list[tuple[Settings, dict[str, str]]] = [
    (IngestSettings, INGEST),
    (ProcessSettings, PROCESS),
    (ReconcileSettings, RECONCILE),
]
EVERY_VARIABLE = [(settings, given, name) for settings, given in FUNCTIONS for name in given]
NEVER_EMPTY = [one for one in EVERY_VARIABLE if one[2] not in ("STRIPE_PREVIEW_VERSION", "WEBHOOK_SOURCES")]

MALFORMED = [
    *(("STRIPE_API_BASE", value) for value in ("api.stripe.com", "ftp://api.stripe.com", "https://")),
    *(("STRIPE_API_BASE", value) for value in ("http://api.stripe.com", "http://127.0.0.1@a", "http://localhost.a")),
    *(("STRIPE_API_BASE", value) for value in ("https://api.stripe.com/", "https://a b", "https://a\n", " https://a")),
    *(
        ("STRIPE_PREVIEW_VERSION", value)
        for value in ("preview", "2026-10-14", "2026-1-1.preview", "x2026-10-14.preview")
    ),
    *(("STRIPE_PREVIEW_VERSION", value) for value in ("2026-10-14.preview\n", "2026-10-14.preview\r\nX: y")),
    *(("STRIPE_REQUESTS_PER_SECOND", value) for value in ("", "-1", "1001", "nan", "inf", "many", "1,5")),
    *(("MAX_CONCURRENCY", value) for value in ("", "0", "-1", "1001", "2.5", "many")),
    *(("CLOCK_SKEW_MARGIN_SECONDS", value) for value in ("", "-0.1", "3601", "nan", "inf", "off")),
]


def sentence(settings: Settings, environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as bad:
        settings.from_environment(environment)
    assert bad.value.__cause__ is None
    assert bad.value.__suppress_context__
    return str(bad.value)


class TestGoodSettings:
    def test_are_read_with_their_types(self) -> None:
        settings = ProcessSettings.from_environment(PROCESS)
        assert settings.stripe_requests_per_second == Decimal("2.5")
        assert settings.max_concurrency == 5
        assert settings.clock_skew_margin_seconds == 0.5
        assert settings.table_name == "billing-table"

    @pytest.mark.parametrize(("settings", "given"), FUNCTIONS)
    def test_are_exactly_the_variables_that_are_read(self, settings: Settings, given: dict[str, str]) -> None:
        assert settings.variables() == given.keys()
        read = settings.from_environment(given)
        assert {name.upper() for name in read.model_dump()} == given.keys()

    def test_may_stand_among_other_variables(self) -> None:
        crowded = {**INGEST, "PATH": "/bin", "AWS_REGION": "eu-west-1", "queue_url": "in small letters"}
        assert IngestSettings.from_environment(crowded) == IngestSettings.from_environment(INGEST)

    def test_may_name_a_stand_in_of_stripe(self) -> None:
        local = RECONCILE | {"STRIPE_API_BASE": "http://127.0.0.1:12111"}
        assert ReconcileSettings.from_environment(local).stripe_api_base == "http://127.0.0.1:12111"

    def test_may_leave_the_preview_version_to_the_release(self) -> None:
        read = ReconcileSettings.from_environment(RECONCILE | {"STRIPE_PREVIEW_VERSION": ""})
        assert read.stripe_preview_version == ""

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("MAX_CONCURRENCY", ("1", "1000")),
            ("CLOCK_SKEW_MARGIN_SECONDS", ("0", "3600")),
            ("STRIPE_REQUESTS_PER_SECOND", ("0", "0.01", "1000")),
        ],
    )
    def test_may_reach_their_bounds(self, name: str, values: tuple[str, ...]) -> None:
        for value in values:
            read = ProcessSettings.from_environment(PROCESS | {name: value})
            assert read.model_dump()[name.lower()] == float(value)

    @pytest.mark.parametrize("value", ["on", "off"])
    def test_may_switch_the_usage_sweep(self, value: str) -> None:
        assert ReconcileSettings.from_environment(RECONCILE | {"USAGE_SWEEP": value}).usage_sweep == value

    @pytest.mark.parametrize("name", INTERVALS)
    def test_say_how_often_reconcile_runs(self, name: str) -> None:
        most = "1440" if name == "RECOVER_MINUTES" else "8760"
        for value in ("1", most):
            read = ReconcileSettings.from_environment(RECONCILE | {name: value})
            assert read.model_dump()[name.lower()] == int(value)

    @pytest.mark.parametrize("value", ["0", "1", "100"])
    def test_say_how_much_a_verify_run_reads(self, value: str) -> None:
        assert ReconcileSettings.from_environment(
            RECONCILE | {"DEEP_VERIFY_PERCENT": value}
        ).deep_verify_percent == int(value)

    @pytest.mark.parametrize(
        ("value", "accounts"),
        [
            ("none", NO_ACCOUNTS),
            ("seen", ConnectedAccounts(seen=True)),
            ("acct_1,acct_2/acct_3", ConnectedAccounts(listed=("acct_1", "acct_2/acct_3"))),
        ],
    )
    def test_say_which_connected_accounts_are_compared(self, value: str, accounts: ConnectedAccounts) -> None:
        assert ReconcileSettings.from_environment(RECONCILE | {"CONTEXTS": value}).contexts == accounts

    def test_cannot_be_changed_afterwards(self) -> None:
        settings = IngestSettings.from_environment(INGEST)
        with pytest.raises(ValidationError):
            settings.queue_url = "https://elsewhere"  # type: ignore[misc]


class TestInvalidSettings:
    @pytest.mark.parametrize(("settings", "given", "name"), EVERY_VARIABLE)
    def test_one_that_is_missing_is_named(self, settings: Settings, given: dict[str, str], name: str) -> None:
        rest = {other: value for other, value in given.items() if other != name}
        assert sentence(settings, rest) == f"the environment variable {name} is not set"

    @pytest.mark.parametrize(("settings", "given", "name"), NEVER_EMPTY)
    def test_one_that_is_empty_is_named(self, settings: Settings, given: dict[str, str], name: str) -> None:
        assert sentence(settings, given | {name: ""}).startswith(f"the environment variable {name} is wrong: ")

    @pytest.mark.parametrize(("name", "value"), MALFORMED)
    def test_one_that_is_malformed_is_named(self, name: str, value: str) -> None:
        reason = sentence(ProcessSettings, PROCESS | {name: value})
        assert reason.startswith(f"the environment variable {name} is wrong: ")
        assert "\n" not in reason

    @pytest.mark.parametrize("value", ["yes", "ON", "true", "1", " on", SECRET])
    def test_a_switch_is_either_on_or_off(self, value: str) -> None:
        reason = sentence(ReconcileSettings, RECONCILE | {"USAGE_SWEEP": value})
        assert reason.startswith("the environment variable USAGE_SWEEP is wrong: ")
        assert SECRET not in reason

    @pytest.mark.parametrize("name", INTERVALS)
    @pytest.mark.parametrize("value", ["", "0", "-1", "8761", "1.5", "daily", SECRET])
    def test_an_interval_is_a_whole_number_in_bounds(self, name: str, value: str) -> None:
        reason = sentence(ReconcileSettings, RECONCILE | {name: value})
        assert reason.startswith(f"the environment variable {name} is wrong: ")
        assert SECRET not in reason

    @pytest.mark.parametrize("value", ["", "-1", "101", "0.5", "half", SECRET])
    def test_a_percentage_is_a_whole_number_in_bounds(self, value: str) -> None:
        reason = sentence(ReconcileSettings, RECONCILE | {"DEEP_VERIFY_PERCENT": value})
        assert reason.startswith("the environment variable DEEP_VERIFY_PERCENT is wrong: ")
        assert SECRET not in reason

    @pytest.mark.parametrize("value", ["", "all", "acct_1,", "seen,acct_1"])
    def test_the_connected_accounts_are_none_seen_or_a_list(self, value: str) -> None:
        reason = sentence(ReconcileSettings, RECONCILE | {"CONTEXTS": value})
        assert reason.startswith("the environment variable CONTEXTS is wrong: ")
        assert reason.endswith("write none, seen, or ids such as acct_1,acct_2")

    @pytest.mark.parametrize("name", sorted({name for name, _ in MALFORMED}))
    def test_its_value_is_never_quoted(self, name: str) -> None:
        assert SECRET not in sentence(ProcessSettings, PROCESS | {name: f"{SECRET} {SECRET}"})

    def test_the_other_values_are_never_quoted_either(self) -> None:
        reason = sentence(IngestSettings, {name: SECRET for name in INGEST if name != "QUEUE_URL"})
        assert SECRET not in reason

    def test_of_several_one_is_named(self) -> None:
        assert "STACK_NAME is not set" in sentence(ProcessSettings, {})
