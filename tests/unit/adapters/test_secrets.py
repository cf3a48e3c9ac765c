"""How often Secrets Manager is called."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aws_lambda_powertools.utilities.parameters.base import BaseProvider

from billing_mirror.adapters.secrets import MIN_SECONDS_BETWEEN_FORCED_READS, StoredSigningSecrets, StoredText
from billing_mirror.core.errors import ConfigurationError, TransientError
from tests.doubles.clock import ManualClock


class Vault(BaseProvider):
    """Stands in for the service that Powertools calls; the cache in front of it is Powertools' own."""

    text = "whsec_old"
    reads = 0
    down = False

    def _get(self, name: str, **_: object) -> str:  # noqa: ARG002 - the base class names it
        self.reads += 1
        time.sleep(0.02)  # long enough for others to come in between
        if self.down:
            raise OSError("no connection")
        return self.text

    def _get_multiple(self, path: str, **_: object) -> dict[str, str]:
        raise NotImplementedError


@pytest.fixture
def vault() -> Vault:
    return Vault()  # type: ignore[no-untyped-call]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_a_secret_is_read_once_for_many_requests(vault: Vault, clock: ManualClock) -> None:
    secrets = StoredSigningSecrets(StoredText(vault, "arn", clock))
    assert [await secrets.current() for _ in range(5)] == [("whsec_old",)] * 5
    assert vault.reads == 1


async def test_a_forced_read_finds_a_new_secret(vault: Vault, clock: ManualClock) -> None:
    secrets = StoredSigningSecrets(StoredText(vault, "arn", clock))
    vault.text = "whsec_new whsec_old"
    clock.advance(MIN_SECONDS_BETWEEN_FORCED_READS)
    assert await secrets.refreshed() == ("whsec_new", "whsec_old")


async def test_forged_requests_do_not_become_requests_to_it(vault: Vault, clock: ManualClock) -> None:
    secrets = StoredSigningSecrets(StoredText(vault, "arn", clock))
    clock.advance(MIN_SECONDS_BETWEEN_FORCED_READS)
    for _ in range(100):
        await secrets.refreshed()
        clock.advance(0.5)
    assert vault.reads == 2


def test_a_text_without_a_signing_secret_is_a_wrong_setting(vault: Vault, clock: ManualClock) -> None:
    vault.text = "unset"
    with pytest.raises(ConfigurationError, match="SIGNING_SECRET_ARN"):
        StoredSigningSecrets(StoredText(vault, "arn", clock))


async def test_a_text_that_was_replaced_by_a_wrong_one_is_a_wrong_setting(vault: Vault, clock: ManualClock) -> None:
    secrets = StoredSigningSecrets(StoredText(vault, "arn", clock))
    vault.text = "whsec_newwhsec_old"
    clock.advance(MIN_SECONDS_BETWEEN_FORCED_READS)
    with pytest.raises(ConfigurationError, match="SIGNING_SECRET_ARN"):
        await secrets.refreshed()


async def test_while_the_service_is_down_the_last_secret_serves(vault: Vault, clock: ManualClock) -> None:
    secrets = StoredSigningSecrets(StoredText(vault, "arn", clock))
    vault.down = True
    assert await secrets.refreshed() == ("whsec_old",)


def test_a_service_that_never_answered_is_said_to_be_down(vault: Vault, clock: ManualClock) -> None:
    vault.down = True
    with pytest.raises(TransientError):
        StoredText(vault, "arn", clock).current()


def test_all_who_were_refused_at_once_get_the_new_text(vault: Vault, clock: ManualClock) -> None:
    stored = StoredText(vault, "arn", clock)
    stored.current()
    vault.text = "rk_test_new"
    with ThreadPoolExecutor(10) as threads:
        assert set(threads.map(lambda _: stored.refreshed(), range(10))) == {"rk_test_new"}
    assert vault.reads == 2


async def test_a_failing_service_is_not_called_for_every_request(vault: Vault, clock: ManualClock) -> None:
    secrets = StoredSigningSecrets(StoredText(vault, "arn", clock))
    vault.down = True
    await secrets.refreshed()
    reads = vault.reads
    for _ in range(20):
        await secrets.current()
        await secrets.refreshed()
    assert vault.reads == reads
