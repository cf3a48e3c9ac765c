"""The settings of each function: one frozen record, read once from its environment.

A field is the variable of the same name in capitals. Secrets are never in the environment, only their ARNs.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from .core.errors import ConfigurationError
from .core.runs.connected import ConnectedAccounts

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
ApiBase = Annotated[str, Field(pattern=r"^(https://[^/\s@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)$")]
"""The Stripe key is sent there: in clear text to this machine only."""
PreviewVersion = Annotated[str, Field(pattern=r"^(\d{4}-\d{2}-\d{2}\.[a-z]+)?$")]


def _read_contexts(text: object) -> ConnectedAccounts:
    try:
        return ConnectedAccounts.parse(str(text).strip())
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


Contexts = Annotated[ConnectedAccounts, BeforeValidator(_read_contexts)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True)

    stack_name: Text

    @classmethod
    def variables(cls) -> frozenset[str]:
        """The names of the environment variables that are read."""
        return frozenset(name.upper() for name in cls.model_fields)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Raises :class:`ConfigurationError` that names the first variable that is wrong."""
        given = {name.lower(): environment[name] for name in cls.variables() if name in environment}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            name = str(first["loc"][0]).upper()
            problem = "is not set" if first["type"] == "missing" else f"is wrong: {first['msg']}"
            raise ConfigurationError(f"the environment variable {name} {problem}") from None


class IngestSettings(_Settings):
    queue_url: Text
    quarantine_url: Text
    signing_secret_arn: Text
    webhook_sources: str
    """Addresses and networks that webhooks may come from; empty: any."""


class StripeSettings(_Settings):
    """Settings of every function that sends requests to Stripe."""

    table_name: Text
    queue_url: Text
    quarantine_url: Text
    stripe_key_arn: Text
    stripe_api_base: ApiBase
    stripe_preview_version: PreviewVersion
    """Empty for the version that this release was written for."""
    stripe_requests_per_second: Annotated[float, Field(ge=0, le=1000)]
    """Of all containers of all functions together; 0 stands for the default of the key's mode."""
    reconcile_requests_per_second: Annotated[float, Field(ge=0, le=1000)]
    """Of reconcile, within the former; 0 stands for a quarter of it."""
    max_concurrency: Annotated[int, Field(ge=1, le=1000)]
    """Containers of process that run at the same time."""


class ProcessSettings(StripeSettings):
    clock_skew_margin_seconds: Annotated[float, Field(ge=0, le=3600)]
    coalescing_milliseconds: Annotated[int, Field(ge=0, le=1000)]
    """For which a fetch waits for another event of the same change; 0: it does not wait."""


class ChangesSettings(_Settings):
    table_name: Text
    event_bus: str
    """Empty where changes are not published."""
    history_days: Annotated[int, Field(ge=0, le=3650)]
    """Days for which former states are kept; 0: none are."""
    dead_letters_url: Text


class ReconcileSettings(StripeSettings):
    """How long after a complete run the next one starts, and whether usage is swept."""

    recover_minutes: Annotated[int, Field(ge=1, le=1440)]
    rate_card_subscription_hours: Annotated[int, Field(ge=1, le=8760)]
    activity_hours: Annotated[int, Field(ge=1, le=8760)]
    configuration_hours: Annotated[int, Field(ge=1, le=8760)]
    catalog_hours: Annotated[int, Field(ge=1, le=8760)]
    usage_sweep: Literal["on", "off"]
    deep_verify_percent: Annotated[int, Field(ge=0, le=100)]
    """The share of stored objects that each verify run reads."""
    tombstone_days: Annotated[int, Field(ge=0, le=36500)]
    """Days for which the last body of a removed object is kept; 0: until it is forgotten."""
    contexts: Contexts
    """The connected accounts that are compared with Stripe, too."""
