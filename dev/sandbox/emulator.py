"""What runs in the emulator's process? MiniStack, and what it lacks for the bundle.

Stripe puts events onto a partner event bus by PutPartnerEvents: PutEvents refuses sources that begin with `aws.`, here
as on AWS. MiniStack's own PutPartnerEvents reports success and does nothing.
"""

import gc
import json
import runpy
from functools import lru_cache
from typing import Any

from ministack.services import dynamodb, eventbridge, lambda_svc  # type: ignore[import-not-found]
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

from dev.sandbox.metrics import emulated_cloudwatch

NEVER = 1_000_000_000


def put_partner_events(given: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's own kind of answer
    """A partner event bus has the name of its source."""
    entries = [{**entry, "EventBusName": entry["Source"]} for entry in given["Entries"]]
    return eventbridge._put_events({"Entries": entries}, allow_aws_source=True)


def allow_large_tables() -> None:
    """Keeps answers fast when a table is large, as DynamoDB does.

    Python's full garbage collection takes 0.2 s with two thousand items, and longer with more; MiniStack answers no
    request meanwhile. Its tables are no garbage, so only young objects are collected. MiniStack also parses an
    expression again for each item, so the parsed form is cached.
    """
    young, younger, _ = gc.get_threshold()
    gc.set_threshold(young, younger, NEVER)
    dynamodb._tokenize = lru_cache(dynamodb._tokenize)
    dynamodb._condition_syntax_error = lru_cache(dynamodb._condition_syntax_error)


def accept_schemas() -> None:
    """CloudFormation creates registries and schemas: names, which nothing here reads."""
    for kind in ("Registry", "Schema"):
        provisioners._RESOURCE_HANDLERS[f"AWS::EventSchemas::{kind}"] = {
            "create": lambda logical_id, _, stack: (f"{stack}-{logical_id}", {"RegistryName": f"{stack}-{logical_id}"}),
            "update": lambda name, *_: (name, {"RegistryName": name}),
            "delete": lambda *_: None,
        }


def deliver_failed_records_again() -> None:
    """MiniStack takes a batch of a stream for done although its function reports failures, and so loses records.

    It delivers a batch again whose function fails: all of it, where AWS begins with the first failed record.
    """
    execute = lambda_svc._execute_function

    def executed(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = execute(function, event)
        of_a_stream = (event.get("Records") or [{}])[0].get("eventSource") == "aws:dynamodb"
        return result | {"error": True} if of_a_stream and _failures(result.get("body")) else result

    lambda_svc._execute_function = executed


def try_events_three_times() -> None:
    """MiniStack invokes the function of a rule once; Lambda tries an event three times.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """

    def invoke(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        lambda_svc.invoke_async_with_retry(
            lambda_svc._execution_record_for_config(function, config), json.loads(payload)
        )

    eventbridge._dispatch_to_lambda = invoke


def stream_inserted_items() -> None:
    """MiniStack writes no stream record for an item that a PartiQL statement inserts; DynamoDB writes one.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    """
    insert = dynamodb._partiql_insert

    def inserted(table: dict[str, Any], statement: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's own answer
        status, headers, body = insert(table, statement)
        if status == 200:
            item = statement["item"]
            dynamodb._emit_stream_event(statement["table"], "INSERT", None, item.get("M", item))
        return status, headers, body

    dynamodb._partiql_insert = inserted


def _failures(answer: object) -> list[Any]:
    parsed = json.loads(answer) if isinstance(answer, str) and answer else answer
    return parsed.get("batchItemFailures", []) if isinstance(parsed, dict) else []


if __name__ == "__main__":
    allow_large_tables()
    deliver_failed_records_again()
    try_events_three_times()
    stream_inserted_items()
    emulated_cloudwatch.install()
    accept_schemas()
    eventbridge._put_partner_events = put_partner_events
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
