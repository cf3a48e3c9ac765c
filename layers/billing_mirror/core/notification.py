"""What travels on the queue: Stripe's events reduced to what is needed, and our own suspicions.

The wire format is Stripe's thin event: https://docs.stripe.com/event-destinations#events-overview
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.\[\]-]+$")]
EventId = Annotated[str, Field(max_length=255, pattern=r"^evt_[A-Za-z0-9_]+$")]
Context = Annotated[str, Field(max_length=1000)]
Url = Annotated[str, Field(max_length=2000)]


class Unreadable(ValueError):
    """The text is none of the messages below. Says which member is wrong, never what it holds."""


class _Message(BaseModel):
    # Members that we do not know are ignored: Stripe may add some any day.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class RelatedObject(_Message):
    """The object that an event is about. A singleton has no id."""

    id: Annotated[str, Field(max_length=255)] | None = None
    type: Name
    url: Url


class Notification(_Message):
    """A verified event: it says *which* object changed, never *what* it is now."""

    object: Literal["v2.core.event"] = "v2.core.event"
    id: EventId
    type: Name
    created: AwareDatetime
    livemode: bool
    context: Context | None = None
    related_object: RelatedObject | None = None


class Suspicion(_Message):
    """A difference that a list has shown and that only a fetch can confirm."""

    object: Literal["billing_mirror.suspicion"] = "billing_mirror.suspicion"
    livemode: bool
    context: Context | None = None
    type: Name
    id: Annotated[str, Field(max_length=255)]
    parent: Annotated[str, Field(max_length=255)] | None = None


Message = Notification | Suspicion

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="object")])


def read_notification(text: str) -> Notification:
    """The notification in a request's body. Raises :class:`Unreadable`."""
    message = read_message(text)
    if not isinstance(message, Notification):
        raise Unreadable("not an event: object: none of Stripe's")
    return message


def read_message(text: str) -> Message:
    """The message in the body of a queue's record. Raises :class:`Unreadable`."""
    try:
        return _MESSAGE.validate_json(text)
    except ValidationError as error:
        raise Unreadable(_reason(error)) from None


def write_message(message: Message) -> str:
    """What :func:`read_message` reads back."""
    return message.model_dump_json(exclude_none=True)


def _reason(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"] == "union_tag_invalid" and first["ctx"]["tag"] == "event":
        return "not an event: object: a snapshot event; the destination in Stripe must send thin ones"
    if first["type"].startswith("union_tag"):  # pydantic's own words would quote it
        return "not an event: object: none that is known"
    place = ".".join(str(step) for step in first["loc"][1:])  # after the kind of message
    return f"not an event: {place}: {first['msg']}" if place else f"not an event: {first['msg']}"
