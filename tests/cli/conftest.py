"""The command in front of the emulator, with a stack that a test fills."""

import asyncio
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from typer.testing import CliRunner, Result

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.adapters.table.state_store import DynamoStateStore
from billing_mirror.core import json_body
from billing_mirror.core.catalog import TYPES, generic_type
from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.runs.connected import PARTITION, ConnectedAccount
from billing_mirror.core.runs.run import Drift, Run
from billing_mirror.core.stripe_api.account import Pin
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror_cli.app import app
from dev.sandbox.ministack import MiniStack
from tests.contract.tables import create_table

TEST = Scope(livemode=False)
FETCHED_AT = 1_700_000_000.0
_numbers = itertools.count()


@dataclass
class Function:
    """Stands for reconcile behind Lambda's address: records each request, and answers as ``answer`` says."""

    address: str = ""
    answer: Callable[[JsonObject], JsonObject] = field(default=lambda _: {})
    requests: list[JsonObject] = field(default_factory=list)
    error: str = ""
    denied: str = ""
    """What AWS says to a role that may not invoke it."""
    mappings: list[str] = field(default_factory=list)
    """The states of the event source mappings of each function."""
    reads: str = ""
    """The ARN of what they read."""
    log_group: str = "ingest"
    """That of all functions, in the emulator; empty where they have the one that Lambda makes."""


class Cloud:
    """A stack in the emulator: its table is the template's own, its reconcile function a :class:`Function`."""

    def __init__(self, endpoint: str, function: Function) -> None:
        self.endpoint = endpoint
        self.function = function
        self.name = ""
        self.dynamodb = boto3.client("dynamodb", endpoint_url=endpoint, config=QUICK)
        self.sqs = boto3.client("sqs", endpoint_url=endpoint, config=QUICK)
        self.secrets = boto3.client("secretsmanager", endpoint_url=endpoint)
        self.table = create_table(self.dynamodb)
        self.queue_url, self.quarantine_url = (
            self.sqs.create_queue(QueueName=f"{self.table}-{name}")["QueueUrl"] for name in ("queue", "quarantine")
        )
        self.key_arn = self.secrets.create_secret(Name=f"{self.table}-key", SecretString="unset")["ARN"]
        self._mirror = DynamoMirror(self.dynamodb, self.table)
        self._state_store = DynamoStateStore(self.dynamodb, self.table)
        self.deploy()

    def deploy(
        self,
        *,
        stripe: str = "http://127.0.0.1:9",
        parameters: Mapping[str, str] | None = None,
        schedule: str | None = "ENABLED",
        beside: bool = False,
        **changed: str | None,
    ) -> None:
        """Creates the stack with a Stripe at an address, and with outputs replaced or left out.

        ``schedule`` is that of reconcile, None for none. The stack before is deleted, unless this is ``beside`` it.
        """
        outputs = {
            "Version": "0.2.0",
            "TableName": self.table,
            "QueueUrl": self.queue_url,
            "QuarantineUrl": self.quarantine_url,
            "IngestFunction": "ingest",
            "ProcessFunction": "process",
            "ReconcileFunction": "reconcile",
            "StripeKeyArn": self.key_arn,
            "SigningSecretArn": "signing",
            "WebhookUrl": "https://api.example.com/stripe/webhook",
            **changed,
        }
        shown = {name: {"Value": value} for name, value in outputs.items() if value is not None}
        stack = boto3.client("cloudformation", endpoint_url=self.endpoint)
        template = {
            "Parameters": {
                name: {"Type": "String", "Default": value}
                for name, value in {"StripeApiBase": stripe, **(parameters or {})}.items()
            },
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, **_schedule(schedule)},
            "Outputs": shown,
        }
        if self.name and not beside:
            stack.delete_stack(StackName=self.name)
        self.name = f"stack-{next(_numbers)}"
        stack.create_stack(StackName=self.name, TemplateBody=json.dumps(template))
        stack.get_waiter("stack_create_complete").wait(
            StackName=self.name, WaiterConfig={"Delay": 0, "MaxAttempts": 1000}
        )

    def empty_log_group(self) -> str:
        """The name of a log group in which no line is."""
        logs = boto3.client("logs", endpoint_url=self.endpoint)
        name = f"{self.table}-empty-{next(_numbers)}"
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="1")
        return name

    def pin(self, mode: str = "test", account: str = "acct_1") -> None:
        """The account of this mode has filled the table."""
        scope = Scope(livemode=mode == "live")
        asyncio.run(self._state_store.write(scope, "account", "pin", Pin(account, "digest").to_item()))

    def put(
        self,
        body: JsonObject,
        *,
        customer: str | None = None,
        parent: str | None = None,
        members: Sequence[JsonObject] = (),
    ) -> None:
        """The mirror holds this object, and the ids of ``members`` on the list that belongs to it."""
        ref = replace(ref_of(body), parent=parent)
        lists = {str(members[0]["object"]): tuple(members)} if members else {}
        observation = Observation(FETCHED_AT, "v", "req_1", body, json_body.digest(body), lists)
        asyncio.run(self._mirror.put(ref, 1, items.item(ref, observation, customer)))

    def put_tombstone(self, body: JsonObject) -> None:
        ref = ref_of(body)
        stone = items.tombstone(Observation(FETCHED_AT, "v", "req_2"), ref)
        asyncio.run(self._mirror.put_tombstone(ref, 2, stone))

    def claim(self, body: JsonObject, now: float) -> None:
        """A worker has claimed the object."""
        asyncio.run(self._mirror.claim(ref_of(body), now))

    def record(self, run: Run, scope: Scope = TEST) -> None:
        """Reconcile keeps this record of a run."""
        asyncio.run(self._state_store.write(scope, f"run:{run.type}", run.name, run.to_item()))

    def connect(self, account: ConnectedAccount) -> None:
        """Reconcile knows this of a connected account."""
        asyncio.run(self._state_store.write(TEST, PARTITION, account.context, account.to_item()))

    def note(self, run: Run, drift: Drift, noticed_at: float) -> None:
        """Reconcile keeps this evidence."""
        entry = drift.to_item(run, noticed_at)
        asyncio.run(self._state_store.write(TEST, f"drift:{run.type}", f"{run.name}#{drift.id}", entry))

    def queued(self) -> list[JsonObject]:
        """The messages on the work queue, taken from it."""
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return [json_body.parse(message["Body"]) for message in answer.get("Messages", [])]


def _schedule(state: str | None) -> dict[str, object]:
    """Reconcile's schedule, by the name that SAM gives it."""
    if state is None:
        return {}
    properties = {
        "ScheduleExpression": "rate(5 minutes)",
        "State": state,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:lambda:us-east-1:000000000000:function:reconcile",
            "RoleArn": "arn:aws:iam::000000000000:role/tick",
        },
    }
    return {"ReconcileFunctionTick": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}}


def ref_of(body: JsonObject) -> ObjectRef:
    name = str(body["object"])
    if name not in TYPES:
        return ObjectRef(TEST, generic_type(name, "/v1/things/{id}"), str(body["id"]))
    if TYPES[name].singleton:
        return ObjectRef(TEST, TYPES[name], str(body["id"]))
    return ref_to(TEST, name, str(body["id"]))


@pytest.fixture
def function() -> Iterator[Function]:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    known = Function()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            states: list[Json] = [{"State": state, "EventSourceArn": known.reads} for state in known.mappings]
            logging: JsonObject = {"LogGroup": known.log_group} if known.log_group else {}
            self.respond({"EventSourceMappings": states, "LoggingConfig": logging})

        def do_POST(self) -> None:
            request = json_body.parse(self.rfile.read(int(self.headers["Content-Length"])).decode())
            known.requests.append(request)
            if known.denied:
                self.respond({"Type": "User", "Message": known.denied}, status=403)
                return
            self.respond({"errorMessage": known.error} if known.error else known.answer(request))

        def respond(self, answer: JsonObject, status: int = 200) -> None:
            text = json_body.write(answer).encode()
            self.send_response(status)
            if status != HTTPStatus.OK:
                self.send_header("x-amzn-ErrorType", "AccessDeniedException")
            if known.error:
                self.send_header("X-Amz-Function-Error", "Unhandled")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known.address = f"http://127.0.0.1:{server.server_port}"
    yield known
    server.shutdown()
    server.server_close()


@pytest.fixture
def cloud(local_aws: MiniStack, function: Function) -> Cloud:
    return Cloud(local_aws.endpoint, function)


Command = Callable[..., Result]


@pytest.fixture
def command(cloud: Cloud) -> Command:
    """Runs ``billing-mirror`` with arguments on the stack."""

    def run(*arguments: str, stack: str | None = "", typed: str = "", **variables: str) -> Result:
        return run_command(cloud, *arguments, stack=stack, typed=typed, **variables)

    return run


def run_command(cloud: Cloud, *arguments: str, stack: str | None = "", typed: str = "", **variables: str) -> Result:
    """Runs ``billing-mirror`` with arguments on a stack."""
    named = [] if stack is None else ["--stack", stack or cloud.name]
    environment = {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ENDPOINT_URL_LAMBDA": cloud.function.address,
        "COLUMNS": "80",
        "NO_COLOR": "1",
        **variables,
    }
    return CliRunner().invoke(
        app, [*arguments, *named], input=typed or None, env=environment, prog_name="billing-mirror"
    )


def values(result: Result) -> list[JsonObject]:
    """The JSON values that a call has written, one a line."""
    return [json_body.parse(line) for line in result.stdout.splitlines()]
