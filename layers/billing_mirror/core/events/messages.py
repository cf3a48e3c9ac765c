"""Messages on the queue: Stripe's events, reduced to what is needed, and our own refresh requests.

Stripe writes an event in three ways. Thin events: https://docs.stripe.com/event-destinations#events-overview,
snapshot events, which carry an object as it was: https://docs.stripe.com/api/events/object, and either of them
in an envelope of Amazon EventBridge: https://docs.stripe.com/event-destinations/eventbridge
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)

from .. import catalog

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9_.\[\]-]+$")]
NameWithoutVersion = Annotated[Name, Field(max_length=250)]
EventId = Annotated[str, Field(max_length=255, pattern=r"^evt_[A-Za-z0-9_]+$")]
Id = Annotated[str, Field(max_length=5000)]
"""Users may choose ids of this length: https://docs.stripe.com/api/coupons/create"""
Context = Annotated[str, Field(max_length=1000)]
Url = Annotated[str, Field(max_length=65_000)]


WEBHOOK_GROUP = ":webhook"
"""The end of the message group of what the webhook receives."""


_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]{1,251}", re.ASCII)


def _event_id_or_none(value: object) -> str | None:
    """An event's id. What is none is left out: it only saves a fetch, and the event is readable without it."""
    return value if isinstance(value, str) and _EVENT_ID.fullmatch(value) else None


class Unreadable(ValueError):
    """The text is no message. The error names the wrong member, never its value."""


class _Message(BaseModel):
    # Unknown members are ignored: Stripe may add some at any time.
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Owners(_Message):
    """Ids of objects to which another one belongs."""

    customer: Id | None = None
    subscription: Id | None = None
    subscription_item: Id | None = None
    invoice: Id | None = None
    invoice_item: Id | None = None


class RelatedObject(_Owners):
    """The object that an event is about. A singleton has no id. A snapshot event has no ``url``, but may name the
    object's owners.
    """

    id: Id | None = None
    type: Name
    url: Url | None = None

    @property
    def owners(self) -> dict[str, str]:
        """The ids of the owners that it names, by path."""
        return self.model_dump(include={*_Owners.model_fields}, exclude_none=True)


class Notification(_Message):
    """A verified event: it says *which* object changed, never *what* it is now."""

    object: Literal["v2.core.event"] = "v2.core.event"
    id: EventId
    type: Name
    created: AwareDatetime
    livemode: bool
    context: Context | None = None
    related_object: RelatedObject | None = None
    snapshot_event: Annotated[EventId | None, BeforeValidator(_event_id_or_none)] = None
    """The id of the snapshot event of the same change: https://docs.stripe.com/webhooks/migrate-snapshot-to-thin-events"""

    @property
    def identity(self) -> str:
        """The id that all events of this notification's change share, thin or snapshot."""
        return self.snapshot_event or self.id

    @property
    def resource(self) -> str:
        """The kind of resource: the type without its last word."""
        return self.type.rpartition(".")[0]

    def creates(self, object_type: catalog.ObjectType) -> bool:
        """Whether the event says that an object of this type was created, under an id that no other one ever has."""
        is_of_type = catalog.RESOURCES.get(self.resource) == object_type.name
        has_own_id = not object_type.chosen_ids and not object_type.singleton
        return is_of_type and has_own_id and self.type.endswith(".created")


class RefreshRequest(_Message):
    """A request to fetch one object: identity only, never state."""

    object: Literal["billing_mirror.refresh"] = "billing_mirror.refresh"
    livemode: bool
    context: Context | None = None
    type: Name
    id: Id
    parent: Id | None = None
    digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """The digest that a list shows: the request is done where the mirror has that state by now."""
    lists: tuple[Annotated[str, Field(max_length=255)], ...] = ()
    """Lists that were read too early: types of members, and paths in the body, which may be empty.

    They are read once more, and the object is fetched only if one of them differs from the mirror.
    """
    lists_of: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """The digest of the state that these lists complete: another state has a request of its own."""
    unlisted: bool = False
    """Whether a list that should show the object lacks it: then it is probably deleted."""
    hops: Annotated[int, Field(ge=0)] = 0
    """Requests before this one in a chain: each was sent while the one before it was processed."""


Message = Notification | RefreshRequest


_IdIfText = Annotated[Id | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]


class _SnapshotObject(_Message):
    """The identity of the object that a snapshot carries."""

    id: _IdIfText = None
    object: Name
    customer: _IdIfText = None
    subscription: _IdIfText = None
    subscription_item: _IdIfText = None
    invoice: _IdIfText = None
    invoice_item: _IdIfText = None


def _unwrapped_object(shown: object) -> object:
    """The object that a snapshot is about, where another one holds it; it may be its id alone."""
    name = shown.get("object") if isinstance(shown, dict) else None
    object_type = catalog.WRAPPERS.get(name) if isinstance(name, str) else None
    if object_type is None or object_type.wrapper is None or not isinstance(shown, dict):
        return shown
    inner = shown.get(object_type.wrapper.path)
    if isinstance(inner, dict) and "id" in inner:
        return {"object": object_type.name, **inner}
    return {"object": object_type.name, "id": inner} if isinstance(inner, str) else inner


class _SnapshotData(_Message):
    object: Annotated[_SnapshotObject, BeforeValidator(_unwrapped_object)]


_NOTHING = _SnapshotData(object=_SnapshotObject(object="ignored"))


def _unless_ignored(data: object, info: ValidationInfo) -> object:
    """The data, unless the event's type says that they do not matter: those may lack what others have."""
    event_type = info.data.get("type")
    is_ignored = isinstance(event_type, str) and catalog.is_ignored(f"v1.{event_type}")
    return _NOTHING if is_ignored else data


class _Snapshot(_Message):
    """An event that carries an object's state. Only the object's identity is kept."""

    object: Literal["event"]
    id: EventId
    type: NameWithoutVersion
    created: Annotated[int, Field(ge=0, lt=2**33)]
    livemode: bool
    account: Context | None = None
    context: Context | None = None
    data: Annotated[_SnapshotData, BeforeValidator(_unless_ignored), Field(validate_default=True)] = Field(
        default=None  # type: ignore[assignment]  # validated: only an ignored event may lack it
    )

    def notification(self) -> Notification:
        """The thin event for the same change; an ignored one says nothing of its object."""
        related = self.data.object
        return Notification(
            id=self.id,
            type=f"v1.{self.type}",
            created=datetime.fromtimestamp(self.created, UTC),
            livemode=self.livemode,
            context=self.context or self.account,
            related_object=None
            if self.data is _NOTHING
            else RelatedObject(type=related.object, **related.model_dump(exclude={"object"})),
        )


_Event = Notification | _Snapshot


def _without_blanks(value: object) -> object:
    """The value without the members that the stack's rule writes for those that an event lacks.

    The rule names every member that a notification needs, and EventBridge writes nothing or ``null`` between the quotes
    where the event has none. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    if not isinstance(value, dict):
        return value
    members = {name: _without_blanks(member) for name, member in value.items()}
    return {name: member for name, member in members.items() if member not in ("", "null", {})}


class _Envelope(_Message):
    """What Amazon EventBridge wraps an event in, whole or as the stack's rule has reduced it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", defer_build=True)

    source: Annotated[str, Field(pattern=r"^aws\.partner/stripe\.com/")]
    detail: Annotated[_Event, Field(discriminator="object")]


_EVENT: TypeAdapter[_Event] = TypeAdapter(Annotated[_Event, Field(discriminator="object")])
# Built when first used: ingest, whose cold starts Stripe waits for, reads neither.
_MESSAGE: TypeAdapter[Message | _Snapshot] = TypeAdapter(
    Annotated[Message | _Snapshot, Field(discriminator="object")], config=ConfigDict(defer_build=True)
)


def read_notification(text: str) -> Notification:
    """The notification in a request's body, which may be a snapshot event. Raises :class:`Unreadable`."""
    try:
        event = _EVENT.validate_json(text)
    except ValidationError as error:
        raise Unreadable(_reason(error)) from None
    return _sent_by_stripe(event)


def read_message(text: str) -> Message:
    """The message in the body of a queue's record, an envelope included. Raises :class:`Unreadable`."""
    try:
        message = _MESSAGE.validate_json(text)
    except ValidationError as error:
        if error.errors(include_input=False, include_url=False)[0]["type"] != "union_tag_not_found":
            raise Unreadable(_reason(error)) from None
        return _sent_by_stripe(_unwrapped(text))
    return message.notification() if isinstance(message, _Snapshot) else message


def write_message(message: Message) -> str:
    """What :func:`read_message` reads back."""
    return message.model_dump_json(exclude_none=True)


def _sent_by_stripe(event: _Event) -> Notification:
    """A thin event must have the URL; only our own reduction of a snapshot lacks it."""
    if isinstance(event, _Snapshot):
        return event.notification()
    if event.related_object is not None and event.related_object.url is None:
        raise Unreadable("not an event: related_object.url: Field required")
    return event


def _unwrapped(text: str) -> _Event:
    try:
        return _Envelope.model_validate_json(json.dumps(_without_blanks(json.loads(text)))).detail
    except ValidationError as error:
        raise Unreadable(_reason(error, below="detail")) from None
    except ValueError:  # a number of thousands of digits
        raise Unreadable("not an event: it cannot be read") from None


def _reason(error: ValidationError, below: str = "") -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    if first["type"].startswith("union_tag"):  # pydantic's own words would quote it
        return "not an event: object: none that is known"
    # pydantic puts the message's tag into the path.
    steps = first["loc"][:1] + first["loc"][2:] if below and first["loc"][:1] == (below,) else first["loc"][not below :]
    path = ".".join(str(step) for step in steps)
    return f"not an event: {path}: {first['msg']}" if path else f"not an event: {first['msg']}"
