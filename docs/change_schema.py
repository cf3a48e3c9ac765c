"""The schema of a change's detail, in docs/change.schema.json; ``make docs`` writes it, tests hold details against it.

JSON Schema in draft 4, which EventBridge's registries take:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html
"""

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from billing_mirror.core.changes.change import SCHEMA_VERSION
from billing_mirror.core.json_body import Json, JsonObject

TEMPLATE = Path(__file__).parents[1] / "ops" / "schema.yaml"
PAGE = Path(__file__).parent / "change.schema.json"
DRAFT = "http://json-schema.org/draft-04/schema#"
Moment = Annotated[str, Field(description="ISO 8601, UTC, with milliseconds.")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Model):
    """The columns by which the mirror's indexes find an object. A removed object has none."""

    customer: str | None
    parent: str | None
    status: Annotated[str | None, Field(description="For v2 subscriptions the servicing status.")]
    collection_status: str | None


class Edit(_Model):
    """A difference within the body. Without "before", a member was added; without "after", it was removed."""

    path: Annotated[str, Field(description="JSON Pointer (RFC 6901); empty for the whole body.")]
    before: Any = None
    after: Any = None
    omitted: Annotated[Literal[True] | None, Field(description="Both values are too large: read the mirror.")] = None


class ChangeDetail(_Model):
    """One change of one Stripe object in the mirror."""

    schema_version: Annotated[int, Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)]
    scope: Annotated[str, Field(description="live or test, and the path of a connected account.")]
    id: str
    type: Annotated[str, Field(description="Stripe's name of the object type.")]
    customer: Annotated[str | None, Field(description="The last known one, also of a removed object.")]
    parent: Annotated[str | None, Field(description="The last known one, also of a removed object.")]
    token: Annotated[int, Field(ge=0, description="Grows with each write of the object: deduplicate and order by it.")]
    digest: Annotated[str, Field(description="Of the whole body after the change.")]
    previous_digest: Annotated[
        str | None, Field(description="Of the body that the edits start from; null of a new object.")
    ]
    before: Annotated[Columns | None, Field(description="Null of a new object.")]
    after: Columns
    changed_columns: Annotated[list[str], Field(description="Names in which before and after differ.")]
    changed: Annotated[list[Edit], Field(description="The body's edits. A new or restored object is one, at path ''.")]
    members: Annotated[
        dict[str, list[str]], Field(description="By type, all ids on the lists that belong to the object.")
    ]
    complete: Annotated[bool, Field(description="Whether changed and members hold everything; else read the mirror.")]
    fetched_at: Annotated[Moment, Field(description="When the fetch started that shows the change.")]
    previous_fetched_at: Annotated[Moment | None, Field(description="When Stripe last showed the state before.")]
    last_event_at: Annotated[Moment | None, Field(description="Creation of the newest event before the fetch.")]
    last_event_id: str | None
    announced: Annotated[bool, Field(description="Whether that event is newer than the state before.")]
    stripe_version: str


def schema() -> JsonObject:
    """The schema of :class:`ChangeDetail`."""
    generated = ChangeDetail.model_json_schema(ref_template="#/definitions/{model}")
    definitions = generated.pop("$defs")
    draft: JsonObject = _in_draft_4({"$schema": DRAFT, **generated, "definitions": definitions})
    return draft


def text() -> str:
    """The schema as it is published."""
    return json.dumps(schema(), indent=2) + "\n"


def _in_draft_4(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Without the titles that repeat the names, and without ``const``, which came later."""
    if isinstance(value, dict):
        named = {
            name: _in_draft_4(member)
            for name, member in value.items()
            if not (name == "title" and isinstance(member, str))
            and name not in ("const", "default")
            and member is not False
        }
        return named | ({"enum": [value["const"]]} if "const" in value else {})
    return [_in_draft_4(element) for element in value] if isinstance(value, list) else value


def validated(given: JsonObject) -> dict[str, Json]:
    """The detail again. Raises ``ValidationError`` where the schema does not describe it."""
    return ChangeDetail.model_validate(given).model_dump(exclude_unset=True)


def registered(template: str) -> str:
    """The template that registers the schema, with its text."""
    head, content, _ = template.partition("      Content: >-\n")
    line = json.dumps(schema())
    return head + content + textwrap.indent(textwrap.fill(line, 108, break_on_hyphens=False), " " * 8) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text())
    TEMPLATE.write_text(registered(TEMPLATE.read_text()))
