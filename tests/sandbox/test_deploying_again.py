"""`make deploy` against the local AWS: a file for the stack, a preview, a second deploy, and what is refused."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.sandbox import ministack
from dev.sandbox.build import build
from dev.sandbox.deploy import session
from dev.sandbox.ministack import CREDENTIALS, MiniStack
from dev.sandbox.toolchain import program
from tests.template_file import ROOT

STACK = "billing-live"
BUCKET = "my-code"


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    emulator = ministack.start(tmp_path_factory.mktemp("aws"))
    session().client("s3", endpoint_url=emulator.endpoint).create_bucket(Bucket=BUCKET)
    yield emulator
    ministack.stop(emulator.pid)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture
def template(built: Path, tmp_path: Path) -> Path:
    """A built template of its own for each test, and functions beside which no other test caches bytecode."""
    copied = shutil.copytree(built.parent, tmp_path / "build", symlinks=True) / built.name
    shutil.copytree(ROOT / "functions", tmp_path / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    copied.write_text(re.sub(r"CodeUri: \S*/functions/", "CodeUri: ../functions/", copied.read_text()))
    return copied


def deploy(
    local_aws: MiniStack, template: Path, *arguments: str, stack: str = STACK
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dev.deploy", stack, f"--template={template}", f"--sam={program('sam', 'sam')}"]
    return subprocess.run(
        [*command, f"--folder={template.parent / 'stacks'}", *arguments],
        cwd=ROOT,
        env={**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": local_aws.endpoint, "SAM_CLI_POLL_DELAY": "0.1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stack_is_deployed_previewed_changed_and_protected(local_aws: MiniStack, template: Path) -> None:
    cloudformation = session().client("cloudformation", endpoint_url=local_aws.endpoint)

    def table() -> str:
        answer = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="Table")
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def monitoring() -> str:
        answer = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="MonitoringStack")
        nested = answer["StackResourceDetail"]["PhysicalResourceId"]
        (stack,) = cloudformation.describe_stacks(StackName=nested)["Stacks"]
        return stack["StackStatus"]

    without_terminal = deploy(local_aws, template)
    assert (without_terminal.returncode, "no terminal to ask on" in without_terminal.stderr) == (1, True)

    stack_file = template.parent / "stacks" / f"{STACK}.toml"
    stack_file.parent.mkdir()
    location = f'region = "{ministack.REGION}"\nbucket = "{BUCKET}"\n'
    stack_file.write_text(location)
    first = deploy(local_aws, template)
    assert first.returncode == 0, first.stderr
    assert "Add     Table (AWS::DynamoDB::Table)" in first.stdout
    assert f"TableName: {table()}" in first.stdout

    assert monitoring() == "CREATE_COMPLETE"
    changed = "[parameters]\nAlarmEmail = 'ops@example.com'\nDeepVerifyPercent = 20\n[tags]\nteam = 'the billers'\n"
    stack_file.write_text(f"{location}{changed}")
    preview = deploy(local_aws, template, "--preview")
    assert preview.returncode == 0, preview.stderr
    assert "Modify  ReconcileFunction" in preview.stdout
    assert "Nothing was deployed." in preview.stdout
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}["DeepVerifyPercent"] == "10"

    before = table()
    text = template.read_text()
    assert "AttributeName: pk" in text
    template.write_text(text.replace("AttributeName: pk", "AttributeName: other"))
    refused = deploy(local_aws, template)
    assert refused.returncode == 1
    assert "Table would be replaced" in refused.stderr
    assert table() == before
    template.write_text(text)

    second = deploy(local_aws, template)
    assert second.returncode == 0, second.stderr
    assert monitoring() == "UPDATE_COMPLETE"
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert {"Key": "team", "Value": "the billers"} in stack["Tags"]
    assert deploy(local_aws, template).stdout.endswith(f"{STACK} is up to date.\n")
    assert table() == before

    stack_file.unlink()  # as for a stack that another version deployed
    deploy(local_aws, template, "--preview")
    kept = stack_file.read_text()
    assert 'DeepVerifyPercent = "20"' in kept
    assert "ReconcileRate" not in kept

    cloudwatch = session().client("cloudwatch", endpoint_url=local_aws.endpoint)
    assert cloudwatch.describe_alarms()["MetricAlarms"]
    stack_file.write_text(f'{location}[parameters]\nMonitoring = "off"\n')
    without = deploy(local_aws, template)
    assert without.returncode == 0, without.stderr
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_a_stack_takes_up_the_table_and_the_secrets_of_another(local_aws: MiniStack, template: Path) -> None:
    clients = session()
    cloudformation = clients.client("cloudformation", endpoint_url=local_aws.endpoint)
    secrets = clients.client("secretsmanager", endpoint_url=local_aws.endpoint)
    folder = template.parent / "stacks"
    folder.mkdir()
    location = f'region = "{ministack.REGION}"\nbucket = "{BUCKET}"\n[parameters]\nMonitoring = "off"\n'

    def outputs(stack: str) -> dict[str, str]:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    (folder / "older.toml").write_text(location)
    assert deploy(local_aws, template, stack="older").returncode == 0
    left = outputs("older")
    taken = {
        name: secrets.describe_secret(SecretId=left[name])["ARN"] for name in ("StripeKeyArn", "SigningSecretArn")
    } | {"TableName": left["TableName"]}
    (folder / "newer.toml").write_text(location + "".join(f'{name} = "{value}"\n' for name, value in taken.items()))
    newer = deploy(local_aws, template, stack="newer")
    assert newer.returncode == 0, newer.stderr
    made = {one["ResourceType"] for one in cloudformation.describe_stack_resources(StackName="newer")["StackResources"]}
    assert "AWS::SQS::Queue" in made
    assert made.isdisjoint({"AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"})
    assert {name: outputs("newer")[name] for name in taken} == taken
    function = clients.client("lambda", endpoint_url=local_aws.endpoint).get_function_configuration(
        FunctionName=outputs("newer")["ReconcileFunction"]
    )
    assert function["Environment"]["Variables"]["TABLE_NAME"] == left["TableName"]
    cloudformation.delete_stack(StackName="newer")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="newer", WaiterConfig={"Delay": 1})
    table = clients.client("dynamodb", endpoint_url=local_aws.endpoint).describe_table(TableName=left["TableName"])
    assert table["Table"]["TableStatus"] == "ACTIVE"
