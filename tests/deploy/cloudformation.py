"""A double of CloudFormation that holds one stack."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tests.cli.aws_doubles import Quiet, serving

STACK = "billing-live"
CHANGE_SET = f"arn:aws:cloudformation:eu-central-1:123456789012:changeSet/{STACK}/1"

Event = tuple[str, str, str]
"""Resource, status and reason."""


@dataclass(frozen=True)
class Answers:
    """``removed``: the resources that the change set takes away, by name, with the type of each.

    ``ctrl_c_at``: which question for the stack's state meets Ctrl-C, counted from the start of the deploy; 0: none.
    """

    state: str
    """Empty: there is no such stack."""
    events: Sequence[Event] = ()
    of_a_page: int = 2
    removed: Sequence[tuple[str, str]] = ()
    ctrl_c_at: int = 0


@contextmanager
def cloudformation(answers: Answers) -> Iterator[str]:
    """The address of CloudFormation."""
    operations: list[str] = []
    """The operations since a change set was executed."""

    class Handler(Quiet):
        def do_POST(self) -> None:  # noqa: N802 - the base class's name
            given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            operation, first = given["Action"][0], int(given.get("NextToken", ["0"])[0])
            if not answers.state:
                self.respond(400, "<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>")
                return
            if operations or operation == "ExecuteChangeSet":
                operations.append(operation)
            if answers.ctrl_c_at and operations.count("DescribeStacks") == answers.ctrl_c_at:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return
            answer = _answer(answers, operation, first)
            self.respond(
                200, f"<{operation}Response><{operation}Result>{answer}</{operation}Result></{operation}Response>"
            )

        def respond(self, code: int, text: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    with serving(Handler) as address:
        yield address


def _answer(answers: Answers, operation: str, first: int) -> str:
    if operation == "DescribeStacks":
        return f"<Stacks><member><StackStatus>{answers.state}</StackStatus></member></Stacks>"
    if operation == "GetTemplateSummary":
        return "<Parameters/>"
    if operation == "DescribeChangeSet":
        changes = (
            f"<member><ResourceChange><Action>Remove</Action><LogicalResourceId>{name}</LogicalResourceId>"
            f"<ResourceType>{kind}</ResourceType></ResourceChange></member>"
            for name, kind in answers.removed
        )
        return f"<Changes>{''.join(changes)}</Changes>"
    if operation == "DescribeStackEvents":
        return _events(answers, first)
    assert operation in ("DeleteChangeSet", "ExecuteChangeSet")
    return ""


def _events(answers: Answers, first: int) -> str:
    after = first + answers.of_a_page
    page = "".join(
        f"<member><StackId>{STACK}</StackId><PhysicalResourceId>{name}</PhysicalResourceId>"
        f"<LogicalResourceId>{name}</LogicalResourceId><ResourceStatus>{status}</ResourceStatus>"
        f"<ResourceStatusReason>{escape(reason)}</ResourceStatusReason></member>"
        for name, status, reason in answers.events[first:after]
    )
    more = f"<NextToken>{after}</NextToken>" if after < len(answers.events) else ""
    return f"<StackEvents>{page}</StackEvents>{more}"
