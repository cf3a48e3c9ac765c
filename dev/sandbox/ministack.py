"""How does one MiniStack, a local emulator of AWS, start and stop without disturbing another?"""

import json
import os
import secrets
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from dev.sandbox import child_process
from dev.sandbox.child_process import stop as stop
from dev.sandbox.toolchain import ROOT, SetupError, child_environment, environment, program

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

_SERVICES = (
    "apigateway,cloudformation,cloudwatch,dynamodb,dynamodbstreams,events,iam,lambda,logs,s3,scheduler,"
    "secretsmanager,sns,sqs,sts"
)
# Variables for the emulator, and for the functions, which inherit its environment.
_PASSED_ON = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy")
_START_SECONDS = 20.0
_ATTEMPTS = 5


@dataclass(frozen=True)
class MiniStack:
    endpoint: str
    pid: int
    token: str  # the health page repeats it: tells our emulator from another on the same port

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1) as response:  # noqa: S310
                return bool(json.load(response).get("edition") == self.token)
        except (OSError, ValueError):
            return False


def start(directory: Path, *, detached: bool = False) -> MiniStack:
    """Starts an emulator with its state and its log (ministack.log) in `directory`; `stop(pid)` ends it.

    It also ends with this process, even when this process is killed, unless it is `detached`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    python = _bare_interpreter(directory)
    for _ in range(_ATTEMPTS):
        started = _launch(python, directory, detached=detached)
        if started is not None:
            return started
    raise SetupError(f"MiniStack did not start; its log is {directory / 'ministack.log'}.")


def _bare_interpreter(directory: Path) -> Path:
    """An interpreter without packages, so that a function imports only from its layers.

    The emulator runs functions with its own interpreter. With the emulator's packages, a layer that lacks boto3 or
    pydantic would go unnoticed.
    """
    bare = directory / "interpreter"
    if not bare.exists():
        maker = str(program("ministack", "python"))
        subprocess.run([maker, "-m", "venv", "--without-pip", str(bare)], check=True, env=child_environment())
    return bare / "bin" / "python"


def _launch(python: Path, directory: Path, *, detached: bool) -> MiniStack | None:
    port = _free_port()
    token = secrets.token_hex(8)
    packages = next(environment("ministack").glob("lib/python*/site-packages"))
    process = child_process.start(
        # -P: or the folder of child_process.py comes first on the path, and our ministack.py hides theirs.
        [
            str(python),
            "-P",
            child_process.__file__,
            "--packages",
            str(packages),
            "--packages",
            str(ROOT),
            "dev.sandbox.emulator",
        ],
        log=directory / "ministack.log",
        environ=_environ(directory, port, token),
        directory=directory,
        detached=detached,
    )
    emulator = MiniStack(f"http://127.0.0.1:{port}", process.pid, token)
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if emulator.answers():
            return emulator
        time.sleep(0.05)
    # Another program may have taken the port since `_free_port` returned: the caller tries another port.
    stop(process.pid)
    return None


def _environ(directory: Path, port: int, token: str) -> dict[str, str]:
    temporary = directory / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        **CREDENTIALS,
        "HOME": str(directory),
        "TMPDIR": str(temporary),
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
        "NO_PROXY": "127.0.0.1,localhost",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # it would listen on a fixed port, on every interface
        "SERVICES": _SERVICES,
        "MINISTACK_EDITION": token,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
