"""``doctor`` finds what is not set up, and says how to mend it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import boto3
import pytest

from billing_mirror.core import times
from billing_mirror.core.runs.connected import ConnectedAccount
from billing_mirror.core.runs.run import Job, Run, Status
from billing_mirror.core.runs.schedule import DAY
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.health.findings import Level
from billing_mirror_cli.stripe.destination_checks import judge
from billing_mirror_cli.stripe.destination_plan import released_events
from billing_mirror_cli.stripe.event_types import event_types
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from dev.fake_stripe.client import StandIn
from dev.fake_stripe.events.destination import Destination
from tests.cli.aws_doubles import denying, unconfirmed
from tests.cli.conftest import Cloud, Command, values
from tests.cli.test_status import completed, fill
from tests.cli.webhook import listening

KEY = "rk_test_standin1"
SETUP_KEY = "rk_test_setup1"
WEBHOOK = "https://api.example.com/stripe/webhook"
REGIONS = ("us-east-1", "eu-west-1")
CHECKS = (
    "credentials", "stack", "Stripe key", "account", "key permissions", "event destination", "signing secret", "queue",
    "schedule", "table", "alarms", "lost events", "reconcile",
)  # fmt: skip


@pytest.fixture
def backend() -> Backend:
    return Backend([KEY, SETUP_KEY])


@pytest.fixture
def stripe(cloud: Cloud, backend: Backend) -> Iterator[StandIn]:
    """Stripe, which sends everything to a stack that is set up and was compared a minute ago."""
    with running(backend) as listening_at:
        fill(cloud, "acct_standin")
        cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString=KEY)
        cloud.function.mappings = ["Enabled"]
        cloud.dynamodb.update_time_to_live(
            TableName=cloud.table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
        cloud.dynamodb.update_continuous_backups(
            TableName=cloud.table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        deploy(cloud, listening_at.api_base)
        stand_in = StandIn(listening_at.api_base)
        stand_in.destination(WEBHOOK, ["whsec_1"], events=event_types())
        yield stand_in


def deploy(cloud: Cloud, stripe: str, signed_with: str = "whsec_1", **changed: str | None) -> None:
    """A stack with this signing secret, with alarms, and with a webhook that was accepted."""
    arn = cloud.secrets.create_secret(Name=f"{cloud.table}-{time.time_ns()}", SecretString=signed_with)["ARN"]
    outputs: dict[str, str | None] = {"SigningSecretArn": arn, **changed}
    cloud.deploy(stripe=stripe, **outputs)  # type: ignore[arg-type]  # an output has no parameter's name
    topic = add_alarm(cloud)
    sns = boto3.client("sns", endpoint_url=cloud.endpoint)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    emit(cloud, "Accepted")


def add_alarm(cloud: Cloud, name: str = "MessagesPostponed", metric: str = "QueueDelay") -> str:
    """An alarm of the stack, to its topic, whose name is that of CloudFormation; the topic."""
    topic: str = boto3.client("sns", endpoint_url=cloud.endpoint).create_topic(Name=f"{cloud.name}-alarms")["TopicArn"]
    boto3.client("cloudwatch", endpoint_url=cloud.endpoint).put_metric_alarm(
        AlarmName=f"{cloud.name}-{name}-1A2B",
        Namespace="BillingMirror",
        MetricName=metric,
        Dimensions=[{"Name": "service", "Value": "process"}, {"Name": "stack", "Value": cloud.name}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
        AlarmActions=[topic],
    )
    return topic


def emit(cloud: Cloud, metric: str, service: str = "ingest") -> None:
    """A function has counted one."""
    dimensions = [{"Name": "service", "Value": service}, {"Name": "stack", "Value": cloud.name}]
    boto3.client("cloudwatch", endpoint_url=cloud.endpoint).put_metric_data(
        Namespace="BillingMirror", MetricData=[{"MetricName": metric, "Value": 1, "Dimensions": dimensions}]
    )


def levels(command: Command, **variables: str) -> dict[object, object]:
    """The results of the checks that are not well."""
    found = {one["check"]: one["result"] for one in values(command("doctor", "--json", **variables))}
    return {name: result for name, result in found.items() if result != Level.OK}


@pytest.mark.usefixtures("stripe")
def test_a_stack_that_is_set_up(command: Command) -> None:
    result = command("doctor")
    assert result.exit_code == ExitCode.OK, result.output
    *lines, last = result.stdout.splitlines()
    assert last == "All is well."
    assert [(line[:8].strip(), line[9:28].strip()) for line in lines] == [("ok", name) for name in CHECKS]


@pytest.mark.parametrize("secret", ["unset", "sk_test_standin1"])
def test_a_key_that_is_none_or_may_write(cloud: Cloud, stripe: StandIn, command: Command, secret: str) -> None:
    stripe.key("sk_test_standin1")
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString=secret)
    assert levels(command)["Stripe key"] == Level.FAIL
    assert "standin1" not in command("doctor").output


def test_a_revoked_key(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString="rk_test_revoked1")
    found = levels(command)
    assert found == {
        "account": Level.UNKNOWN, "key permissions": Level.FAIL, "event destination": Level.UNKNOWN
    }  # fmt: skip


def test_a_key_of_another_account_than_the_table(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    stripe.key("rk_test_other1", "acct_other")
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString="rk_test_other1")
    assert levels(command)["account"] == Level.FAIL
    assert "the key is of acct_other, and the table mirrors acct_standin" in command("doctor").stdout


def test_each_type_that_the_key_may_not_read_has_a_line(stripe: StandIn, command: Command) -> None:
    stripe.faults(
        api=[
            {"status": 403, "path_prefix": "/v1/coupons"},
            {"status": 403, "path_prefix": "/v1/tax_rates"},
        ]
    )
    assert levels(command) == {"key permissions": Level.FAIL}
    shown = command("doctor").stdout
    assert [line[28:] for line in shown.splitlines() if "may not read" in line] == [
        "the key may not read coupon", "the key may not read tax_rate"
    ]  # fmt: skip
    assert "Give it coupon_read: https://dashboard.stripe.com/apikeys" in shown


def test_a_type_without_a_list_of_its_own_is_judged_by_its_last_run(
    cloud: Cloud, stripe: StandIn, command: Command
) -> None:
    assert stripe.api_base
    name, now = "v2.billing.rate_card_rate", time.time()
    reason = "Stripe answered 403: the key lacks the permission rak_rate_card_read"
    cloud.record(Run(name, Job.VERIFY, now, updated_at=now, finished_at=now, status=Status.UNAUTHORIZED, reason=reason))
    shown = command("doctor").stdout
    assert f"the key may not read {name}" in shown
    assert "Give it rak_rate_card_read" in shown


def test_a_list_that_the_account_lacks_is_no_problem(stripe: StandIn, command: Command) -> None:
    stripe.faults(api=[{"status": 404, "path_prefix": "/v2/billing/contracts"}])
    assert levels(command) == {}


def test_events_that_go_elsewhere(stripe: StandIn, command: Command) -> None:
    stripe.destination("https://other.example.com", ["whsec_1"])
    assert levels(command) == {"event destination": Level.FAIL}
    assert f"none of 1 destination sends to {WEBHOOK}" in command("doctor").stdout


def test_a_destination_behind_more_than_a_hundred_others(backend: Backend, stripe: StandIn, command: Command) -> None:
    others = [Destination(f"https://example.com/{number}", ("whsec_2",)) for number in range(130)]
    backend.deliveries.destinations[1:] = others
    assert stripe.api_base
    assert levels(command) == {}


def test_a_second_stack_on_the_same_account_is_named(
    cloud: Cloud, backend: Backend, stripe: StandIn, command: Command
) -> None:
    assert stripe.api_base
    backend.deliveries.destinations.append(
        Destination("https://b.example.com/stripe/webhook", ("whsec_2",), metadata={"billing_mirror_stack": "second"})
    )
    assert "sends to another stack, second: both share Stripe's request limit" in command("doctor").stdout
    assert levels(command) == {}
    (_, other) = backend.deliveries.destinations
    backend.deliveries.destinations[1] = replace(other, metadata={"billing_mirror_stack": cloud.name})
    assert levels(command) == {"other destinations": Level.UNKNOWN}
    assert "a former API of this stack, or another stack of this name" in command("doctor").stdout


def test_a_stack_of_the_same_name_in_another_region_is_named(
    cloud: Cloud, backend: Backend, stripe: StandIn, command: Command
) -> None:
    here, there = (f"https://a1.execute-api.{region}.amazonaws.com/stripe/webhook" for region in REGIONS)
    deploy(cloud, stripe.api_base, WebhookUrl=here)
    stripe.destination(here, ["whsec_1"], events=event_types())
    ours = {"billing_mirror_stack": cloud.name}
    backend.deliveries.destinations += [
        Destination(there, ("whsec_2",), metadata=ours),
        Destination("", (), metadata=ours, aws={"aws_account_id": "000000000000", "aws_region": REGIONS[1]}),
    ]
    assert levels(command) == {}
    assert command("doctor").stdout.count(f"sends to a stack of the same name in {REGIONS[1]}") == 2


@pytest.mark.parametrize(
    ("contexts", "sources", "level"),
    [
        ("none", [["@self"]], Level.OK),
        ("none", [["@accounts"]], Level.FAIL),
        ("seen", [["@self"]], Level.FAIL),
        ("acct_1", [["@self"]], Level.FAIL),
        ("seen", [["@accounts"]], Level.FAIL),
        ("seen", [["@self", "@accounts"]], Level.OK),
        ("seen", [["@self"], ["@accounts"]], Level.OK),
        ("seen", [["@organization_members"]], Level.OK),
    ],
)
def test_destinations_must_send_the_events_of_all_accounts_that_are_compared(
    cloud: Cloud,
    backend: Backend,
    stripe: StandIn,
    command: Command,
    contexts: str,
    sources: list[list[str]],
    level: Level,
) -> None:
    """Contexts=seen would otherwise never see an account."""
    secret = cloud.secrets.create_secret(Name=f"{cloud.table}-{time.time_ns()}", SecretString="whsec_1")["ARN"]
    cloud.deploy(stripe=stripe.api_base, parameters={"Contexts": contexts}, SigningSecretArn=secret)
    (one,) = backend.deliveries.destinations
    backend.deliveries.destinations[:] = [replace(one, id=f"ed_{names[0]}", events_from=(*names,)) for names in sources]
    (found,) = (one for one in values(command("doctor", "--json")) if one["check"] == "event destination")
    assert found["result"] == level
    assert ("--new-secret" in str(found["remedy"])) == (level is Level.FAIL)


def test_a_second_stack_on_the_same_table_is_named(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    first = cloud.name
    cloud.deploy(stripe=stripe.api_base, beside=True)
    found = [one for one in values(command("doctor", "--json")) if one["check"] == "other stacks"]
    assert [one["sentence"] for one in found] == [
        f"{first} uses the same table: every event is fetched twice, and the ticks stop each other"
    ]
    assert "docs/deploy.md#two-stacks" in str(found[0]["remedy"])
    assert found[0]["result"] == Level.FAIL


def test_a_part_that_was_deleted_is_a_problem_with_what_to_do(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    cloud.secrets.delete_secret(SecretId=cloud.key_arn, ForceDeleteWithoutRecovery=True)
    (found, *_) = [one for one in values(command("doctor", "--json")) if one["check"] == "Stripe key"]
    assert found["result"] == Level.UNKNOWN
    assert "ResourceNotFoundException" in str(found["sentence"])
    assert "deploy the stack again" in str(found["remedy"])


def test_events_through_event_bridge_need_no_signing_secret(
    cloud: Cloud, backend: Backend, stripe: StandIn, command: Command
) -> None:
    bridge = Destination(
        "", (), events=tuple(event_types()), aws={"aws_account_id": "000000000000", "aws_region": "us-east-1"}
    )
    backend.deliveries.destinations[:] = [bridge]
    bus = {"PartnerEventBus": f"aws.partner/stripe.com/{bridge.id}"}
    secret = cloud.secrets.create_secret(Name=f"{cloud.table}-none", SecretString="unset")["ARN"]
    cloud.deploy(stripe=stripe.api_base, parameters=bus, SigningSecretArn=secret)
    found = {one["check"]: one["result"] for one in values(command("doctor", "--json"))}
    assert (found["event destination"], found["signing secret"]) == (Level.OK, Level.OK)


def test_destinations_that_the_key_may_not_read_are_not_checked(stripe: StandIn, command: Command) -> None:
    stripe.faults(api=[{"status": 403, "path_prefix": "/v2/core/event_destinations"}])
    assert levels(command) == {"event destination": Level.UNKNOWN}


@pytest.mark.parametrize(
    ("status", "events", "level", "said"),
    [
        ("enabled", event_types(), Level.OK, "is enabled"),
        ("enabled", ["*"], Level.OK, "is enabled"),
        ("enabled", released_events(), Level.OK, "of previews"),
        ("disabled", ["*"], Level.FAIL, "is disabled"),
        ("enabled", event_types()[1:], Level.FAIL, event_types()[0]),
        ("enabled", released_events()[1:], Level.FAIL, released_events()[0]),
        ("enabled", [], Level.FAIL, f"and {len(event_types()) - 5} more"),
    ],
)
def test_a_destination_must_be_enabled_and_complete(
    status: str, events: Sequence[str], level: Level, said: str
) -> None:
    shown = judge({"id": "ed_1", "status": status, "enabled_events": [*events], "event_payload": "thin"}, now=0)
    assert (shown.level, said in shown.sentence) == (level, True)


def test_a_missing_signing_secret(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    deploy(cloud, stripe.api_base, signed_with="unset")
    assert levels(command) == {"signing secret": Level.FAIL}


def test_a_signing_secret_that_no_event_has_proved(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    secret = cloud.secrets.create_secret(Name=f"{cloud.table}-unproved", SecretString="whsec_1")["ARN"]
    cloud.deploy(stripe=stripe.api_base, SigningSecretArn=secret)
    add_alarm(cloud)
    assert levels(command)["signing secret"] == Level.UNKNOWN
    assert "set STRIPE_SETUP_KEY to a key that may write event destinations" in command("doctor").stdout
    emit(cloud, "SignatureFailures")
    assert levels(command)["signing secret"] == Level.FAIL
    emit(cloud, "Accepted")
    assert "signing secret" not in levels(command)


@pytest.mark.parametrize(("secret", "level"), [("whsec_1", Level.OK), ("whsec_wrong", Level.FAIL)])
def test_a_ping_tests_the_signing_secret_where_a_key_may_ping(
    cloud: Cloud, stripe: StandIn, command: Command, secret: str, level: Level
) -> None:
    with listening(cloud, secret) as webhook:
        deploy(cloud, stripe.api_base, SigningSecretArn=webhook.secret_arn, WebhookUrl=webhook.url)
        stripe.destination(webhook.url, ["whsec_1"], events=event_types())
        result = command("doctor", "--json", "--timeout", "5", STRIPE_SETUP_KEY=SETUP_KEY)
    found = {one["check"]: one for one in values(result)}
    assert found["signing secret"]["result"] == level, found
    assert "ping" in str(found["signing secret"]["sentence"])
    assert SETUP_KEY not in str(found)


@pytest.mark.parametrize("mappings", [[], ["Disabled"]])
def test_a_queue_that_lambda_does_not_read(
    cloud: Cloud, stripe: StandIn, command: Command, mappings: list[str]
) -> None:
    assert stripe.api_base
    cloud.function.mappings = mappings
    assert levels(command) == {"queue": Level.FAIL}


@pytest.mark.parametrize("schedule", ["DISABLED", None])
def test_a_schedule_that_starts_nothing(cloud: Cloud, stripe: StandIn, command: Command, schedule: str | None) -> None:
    cloud.deploy(stripe=stripe.api_base, schedule=schedule)
    assert levels(command)["schedule"] == Level.FAIL


def test_a_table_that_keeps_all_or_cannot_be_restored(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    cloud.dynamodb.update_continuous_backups(
        TableName=cloud.table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    assert levels(command) == {"table": Level.FAIL}
    assert f"aws dynamodb update-continuous-backups --table-name {cloud.table}" in command("doctor").stdout
    cloud.dynamodb.update_time_to_live(
        TableName=cloud.table, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires_at"}
    )
    assert f"aws dynamodb update-time-to-live --table-name {cloud.table}" in command("doctor").stdout


@pytest.fixture
def switch_on(cloud: Cloud, stripe: StandIn) -> Callable[[str], str]:
    """Has the changes function read a stream of the table with these images; its ARN."""

    def switch(images: str = "NEW_AND_OLD_IMAGES") -> str:
        deploy(cloud, stripe.api_base, ChangesFunction="changes")
        cloud.dynamodb.update_table(
            TableName=cloud.table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": images},  # type: ignore[typeddict-item]
        )
        cloud.function.reads = cloud.dynamodb.describe_table(TableName=cloud.table)["Table"]["LatestStreamArn"]
        return cloud.function.reads

    return switch


class TestTheStreamOfChanges:
    def found(self, command: Command) -> tuple[object, str, str]:
        [one] = [one for one in values(command("doctor", "--json")) if one["check"] == "stream"]
        return one["result"], str(one["sentence"]), str(one["remedy"])

    @pytest.mark.usefixtures("stripe")
    def test_a_stack_without_changes_has_none(self, command: Command) -> None:
        assert "stream" not in [one["check"] for one in values(command("doctor", "--json"))]

    def test_it_is_read(self, command: Command, switch_on: Callable[[], str]) -> None:
        switch_on()
        assert self.found(command) == (Level.OK, "the changes function reads it, with old and new images", "")

    def test_it_is_off(self, cloud: Cloud, stripe: StandIn, command: Command) -> None:
        deploy(cloud, stripe.api_base, ChangesFunction="changes")
        level, sentence, remedy = self.found(command)
        assert (level, sentence) == (Level.FAIL, "the table's stream is off: changes are neither published nor kept")
        assert "docs/changes.md#switch-it-on-anew" in remedy

    def test_it_lacks_the_old_images(self, command: Command, switch_on: Callable[[str], str]) -> None:
        switch_on("NEW_IMAGE")
        level, sentence, _ = self.found(command)
        assert level == Level.FAIL
        assert sentence == "the table's stream shows NEW_IMAGE: it has to show NEW_AND_OLD_IMAGES"

    def test_a_former_one_is_read(self, cloud: Cloud, command: Command, switch_on: Callable[[], str]) -> None:
        cloud.function.reads = f"{switch_on()}-of-before"
        level, sentence, remedy = self.found(command)
        assert (level, sentence) == (Level.FAIL, "the changes function does not read the table's present stream")
        assert "docs/changes.md#switch-it-on-anew" in remedy

    def test_its_mapping_is_disabled(self, cloud: Cloud, command: Command, switch_on: Callable[[], str]) -> None:
        switch_on()
        cloud.function.mappings = ["Disabled"]
        level, sentence, remedy = self.found(command)
        assert (level, "is Disabled" in sentence) == (Level.FAIL, True)
        assert remedy.startswith("aws lambda update-event-source-mapping --uuid ")


def test_alarms_without_a_recipient(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    cloud.deploy(stripe=stripe.api_base)
    assert levels(command)["alarms"] == Level.FAIL
    topic = add_alarm(cloud)
    assert f"1 alarm, and their topic has no recipient\n{'':<27} aws sns subscribe --topic-arn {topic}" in (
        command("doctor").stdout
    )
    sns = boto3.client("sns", endpoint_url=cloud.endpoint)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    assert "1 alarm, to 1 confirmed recipient" in command("doctor").stdout


@pytest.mark.usefixtures("stripe")
def test_a_recipient_who_has_not_confirmed(command: Command) -> None:
    with unconfirmed() as address:
        assert levels(command, AWS_ENDPOINT_URL_SNS=address) == {"alarms": Level.FAIL}
        shown = command("doctor", AWS_ENDPOINT_URL_SNS=address).stdout
    assert "new@example.com has not confirmed the subscription" in shown


def test_an_alarm_that_rings(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    emit(cloud, "QueueDelay", service="process")
    assert levels(command) == {"alarms": Level.FAIL}
    assert "docs/operations.md#messagespostponed" in command("doctor").stdout


def test_alarms_whose_actions_are_off(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    name = f"{cloud.name}-MessagesPostponed-1A2B"
    boto3.client("cloudwatch", endpoint_url=cloud.endpoint).disable_alarm_actions(AlarmNames=[name])
    assert levels(command) == {"alarms": Level.FAIL}
    shown = command("doctor").stdout
    assert "the actions of MessagesPostponed are off" in shown
    assert f"aws cloudwatch enable-alarm-actions --alarm-names {name}\n" in shown


def test_a_stack_without_monitoring_was_meant_so(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    cloud.deploy(stripe=stripe.api_base, parameters={"Monitoring": "off"})
    assert "alarms" not in levels(command)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (26, "Stripe deletes them in"),
        (31, "Stripe has deleted events of"),
    ],
)
def test_events_that_recover_has_not_read_in_time(
    cloud: Cloud, stripe: StandIn, command: Command, days: int, said: str
) -> None:
    assert stripe.api_base
    now = time.time()
    completed(cloud, "recover", started_at=now - 30, job=Job.RECOVER, watermark=times.iso(now - days * DAY))
    assert levels(command)["lost events"] == Level.FAIL
    assert said in command("doctor").stdout


def test_another_version(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    deploy(cloud, stripe.api_base, Version=None)
    assert levels(command) == {"stack": Level.FAIL}


def test_what_status_reports_is_a_problem_here_too(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    assert stripe.api_base
    cloud.sqs.send_message(QueueUrl=cloud.quarantine_url, MessageBody="{}")
    assert levels(command) == {"status": Level.FAIL}


def test_a_role_that_may_read_only_the_stack_learns_what_it_lacks(
    cloud: Cloud, stripe: StandIn, command: Command
) -> None:
    assert stripe.api_base
    with denying(cloud.endpoint) as address:
        result = command("doctor", "--json", AWS_ENDPOINT_URL=address, AWS_ENDPOINT_URL_LAMBDA=address)
    assert result.exit_code == ExitCode.FAILED
    found = {one["check"]: one for one in values(result)}
    assert {name: found[name]["result"] for name in ("credentials", "stack")} == {"credentials": "ok", "stack": "ok"}
    denied = [one for one in CHECKS if one in found and found[one]["result"] == Level.UNKNOWN]
    assert denied == [
        "Stripe key", "key permissions", "signing secret", "queue", "schedule", "table", "alarms", "reconcile"
    ]  # fmt: skip
    missing = {one: str(found[one]["remedy"]) for one in denied}
    assert "allow secretsmanager:GetSecretValue" in missing.pop("key permissions")
    assert all(one.startswith("Your role needs the permission") for one in missing.values()), missing


class TestConnectedAccounts:
    """``due_at`` and ``revoked_at`` are as long ago as they say."""

    def lines(self, command: Command) -> list[tuple[object, object]]:
        found = values(command("doctor", "--json"))
        return [(one["result"], one["sentence"]) for one in found if one["check"] == "connected accounts"]

    def deploy(self, cloud: Cloud, contexts: str, **due: float) -> None:
        cloud.deploy(parameters={"Contexts": contexts})
        for name, seconds in due.items():
            cloud.connect(ConnectedAccount(name, due_at=time.time() - seconds))

    def test_each_is_compared(self, cloud: Cloud, command: Command) -> None:
        fill(cloud)
        self.deploy(cloud, "seen", acct_2=60, acct_3=-60)
        assert self.lines(command) == [(Level.OK, "2 accounts compared with Stripe")]

    def test_none_is_compared_and_some_send_events(self, cloud: Cloud, command: Command) -> None:
        fill(cloud)
        self.deploy(cloud, "none", acct_2=60)
        [(level, sentence)] = self.lines(command)
        assert (level, str(sentence).partition(";")[0]) == (Level.OK, "events of 1 account are mirrored")

    def test_a_listed_one_was_never_worked_on(self, cloud: Cloud, command: Command) -> None:
        fill(cloud)
        self.deploy(cloud, "acct_2,acct_4", acct_2=60)
        cloud.connect(ConnectedAccount("acct_4"))  # its events have named it
        assert self.lines(command) == [
            (Level.UNKNOWN, "no tick has worked on acct_4 yet"),
            (Level.OK, "1 account compared with Stripe"),
        ]

    def test_one_waits_for_hours(self, cloud: Cloud, command: Command) -> None:
        fill(cloud)
        self.deploy(cloud, "seen", acct_2=5 * 3600, acct_3=60)
        assert self.lines(command)[0] == (Level.FAIL, "waiting for a tick: 1 account, the longest for 5 h")

    @pytest.mark.parametrize(("contexts", "level"), [("seen", Level.OK), ("acct_2", Level.FAIL)])
    def test_one_has_revoked_its_access(self, cloud: Cloud, command: Command, contexts: str, level: Level) -> None:
        fill(cloud)
        self.deploy(cloud, contexts)
        cloud.connect(ConnectedAccount("acct_2", due_at=time.time() + 3600, revoked_at=time.time() - 7200))
        (found, sentence), last = self.lines(command)
        assert found == level
        assert str(sentence).startswith("acct_2 gives the key no access since ")
        assert last == (Level.OK, "0 accounts compared with Stripe")
