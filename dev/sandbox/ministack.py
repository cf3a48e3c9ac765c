"""How is one MiniStack - a local emulator of AWS - started and stopped, without disturbing another?"""

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
# What of our surroundings the emulator may see, and with it the functions, which inherit its environment.
_PASSED_ON = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "https_proxy")
_START_SECONDS = 20.0
_ATTEMPTS = 5


@dataclass(frozen=True)
class MiniStack:
    endpoint: str
    pid: int
    token: str  # its health page repeats it: how we know our emulator from a neighbour's on the same port

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1) as response:  # noqa: S310
                return bool(json.load(response).get("edition") == self.token)
        except (OSError, ValueError):
            return False


def start(directory: Path, *, outlive_us: bool = False) -> MiniStack:
    """One emulator with its state and its log (ministack.log) in `directory`; `stop(its pid)` ends it.

    It also ends when this process does, however that happens, unless it is to `outlive_us`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    python = _bare_interpreter(directory)
    for _ in range(_ATTEMPTS):
        started = _launch(python, directory, outlive_us=outlive_us)
        if started is not None:
            return started
    raise SetupError(f"MiniStack did not start; its last words are in {directory / 'ministack.log'}.")


def _bare_interpreter(directory: Path) -> Path:
    """An interpreter without a single package: what a function imports comes from its layers or not at all.

    The emulator runs functions with its own interpreter. In its own environment they would find boto3 and
    pydantic there, and a layer that lacks them would go unnoticed.
    """
    bare = directory / "interpreter"
    if not bare.exists():
        maker = str(program("ministack", "python"))
        subprocess.run([maker, "-m", "venv", "--without-pip", str(bare)], check=True, env=child_environment())
    return bare / "bin" / "python"


def _launch(python: Path, directory: Path, *, outlive_us: bool) -> MiniStack | None:
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
        surroundings=_surroundings(directory, port, token),
        folder=directory,
        outlive_us=outlive_us,
    )
    emulator = MiniStack(f"http://127.0.0.1:{port}", process.pid, token)
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if emulator.answers():
            return emulator
        time.sleep(0.05)
    # Somebody else may have taken the port between our look and the emulator's: another one, then.
    stop(process.pid)
    return None


def _surroundings(directory: Path, port: int, token: str) -> dict[str, str]:
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
