"""AWS for cases that the emulator cannot play: requests that are denied, and recipients who did not confirm."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


class Quiet(BaseHTTPRequestHandler):
    """Writes no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address at which the handler answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def denying(endpoint: str, *allowed: str) -> Iterator[str]:
    """AWS, for a role that may do what ``allowed`` names and nothing else: operations, or the beginning of their names.

    By default it may describe a stack and say who it is.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    may = allowed or ("DescribeStacks", "GetCallerIdentity")

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.deny()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers.get("X-Amz-Target") or body.decode(errors="replace").partition("Action=")[2]
            if not operation.startswith(may):
                self.deny()
                return
            answer = requests.post(endpoint, data=body, headers=dict(self.headers), timeout=30)
            self.respond(answer.status_code, answer.headers["Content-Type"], answer.content)

        def deny(self) -> None:
            said = "User: arn:aws:iam::1:user/a is not authorized to perform: some:Action"
            if b"json" in self.headers.get("Content-Type", "json").encode():
                text = f'{{"__type": "AccessDeniedException", "message": "{said}"}}'
                self.respond(400, "application/x-amz-json-1.0", text.encode())
            else:
                text = (
                    f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{said}</Message></Error></ErrorResponse>"
                )
                self.respond(403, "text/xml", text.encode())

        def respond(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("x-amzn-ErrorType", "AccessDeniedException")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as address:
        yield address


@contextmanager
def unconfirmed() -> Iterator[str]:
    """SNS with a recipient who has not followed the link in the mail: the emulator confirms an address by itself.

    https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
    """

    class Handler(Quiet):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            member = (
                "<member><SubscriptionArn>PendingConfirmation</SubscriptionArn><Protocol>email</Protocol>"
                "<Endpoint>new@example.com</Endpoint></member>"
            )
            text = (
                "<ListSubscriptionsByTopicResponse><ListSubscriptionsByTopicResult><Subscriptions>"
                f"{member}</Subscriptions></ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with serving(Handler) as address:
        yield address


@contextmanager
def secrets_that_may_be_read_only() -> Iterator[str]:
    """Secrets Manager, for a role that may store none.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """

    class Handler(Quiet):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            reads = self.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
            said = "User: arn:aws:iam::1:user/a is not authorized to perform: secretsmanager:PutSecretValue"
            answer = {"SecretString": "unset"} if reads else {"__type": "AccessDeniedException", "Message": said}
            text = json.dumps(answer).encode()
            self.send_response(200 if reads else 400)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with serving(Handler) as address:
        yield address
