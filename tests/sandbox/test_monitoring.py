"""A sandbox has the nested stack, its metrics and its alarms, as the template's alarms and dashboard read them."""

import json
import time
from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from billing_mirror.core.metrics import Metric
from dev.sandbox.deploy import STACK, session
from tests.template.templates import DASHBOARDS, MONITORING, of_type

from .conftest import Bundle, eventually

QUARANTINE, PRODUCT = "QuarantineNotEmpty", "product"


class CloudWatch:
    """The sandbox's metrics and alarms."""

    def __init__(self, bundle: Bundle) -> None:
        self.client = session().client("cloudwatch", endpoint_url=bundle.endpoints.aws_endpoint)

    def values(self, metric: Mapping[str, object], statistic: str) -> list[float]:
        """A statistic of each minute of the last hour."""
        now = time.time()
        query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}
        answer = self.client.get_metric_data(MetricDataQueries=[query], StartTime=now - 3600, EndTime=now + 60)
        (result,) = answer["MetricDataResults"]
        return [*map(float, result["Values"])]

    def states(self) -> dict[str, str]:
        """The state of each alarm by its name in the template."""
        alarms = self.client.describe_alarms()["MetricAlarms"]
        return {one["AlarmName"].split("-")[-2]: one["StateValue"] for one in alarms}


@pytest.fixture
def cloudwatch(bundle: Bundle) -> CloudWatch:
    return CloudWatch(bundle)


def own(service: str, name: str) -> dict[str, object]:
    dimensions = {"service": service, "stack": "billing-mirror"}
    return {
        "Namespace": "BillingMirror",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }


def test_the_functions_metrics_are_in_cloudwatch(bundle: Bundle, cloudwatch: CloudWatch) -> None:
    product = bundle.stripe.create(PRODUCT, {"name": "Pens"})["id"]
    assert eventually(partial(bundle.reader.get, product)) is not None
    bundle.reconcile(PRODUCT)
    accepted = eventually(lambda: cloudwatch.values(own("ingest", Metric.ACCEPTED), "Sum"))
    assert sum(accepted) >= 1
    (lag, *_) = eventually(lambda: cloudwatch.values(own("process", Metric.EVENT_TO_STORED_LAG), "p99"))
    assert lag > 0
    assert sum(cloudwatch.values(own("reconcile", Metric.OBJECTS_COMPARED), "Sum")) >= 1


@pytest.fixture
def quarantined(bundle: Bundle) -> Iterator[None]:
    """A message that can never be processed waits in quarantine."""
    bundle.sqs.send_message(QueueUrl=bundle.endpoints.queue_url, MessageBody=json.dumps({"no": "message"}))
    yield  # not received here: that would hide the message from the clean-up
    bundle.take_quarantined()


@pytest.mark.usefixtures("quarantined")
def test_an_alarm_rings_when_a_message_is_in_quarantine(cloudwatch: CloudWatch) -> None:
    assert eventually(lambda: cloudwatch.states()[QUARANTINE] == "ALARM")
    states = cloudwatch.states()
    assert len(states) == len(cloudwatch.client.describe_alarms()["MetricAlarms"])
    assert states["ProcessFails"] == states["NearTimeout"] == "OK"
    assert "INSUFFICIENT_DATA" not in {state for name, state in states.items() if name != "DriftUnresolved"}
    (composite,) = cloudwatch.client.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert "MirrorUnhealthy" in composite["AlarmName"]
    assert composite["StateValue"] == "ALARM"


def test_the_monitoring_stack_is_nested_and_has_every_alarm(bundle: Bundle, cloudwatch: CloudWatch) -> None:
    cloudformation = session().client("cloudformation", endpoint_url=bundle.endpoints.aws_endpoint)
    resource = cloudformation.describe_stack_resource(StackName=STACK, LogicalResourceId="MonitoringStack")
    nested = resource["StackResourceDetail"]["PhysicalResourceId"]
    (stack,) = cloudformation.describe_stacks(StackName=nested)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {one["OutputKey"] for one in stack["Outputs"]} == MONITORING["Outputs"].keys()
    assert cloudwatch.states().keys() == of_type("AWS::CloudWatch::Alarm", MONITORING).keys()
    dashboards = cloudwatch.client.list_dashboards()["DashboardEntries"]
    assert len(dashboards) == len(DASHBOARDS)
    for one in dashboards:
        body = json.loads(cloudwatch.client.get_dashboard(DashboardName=one["DashboardName"])["DashboardBody"])
        assert body["widgets"]


def test_an_alarm_on_an_expression_rings(bundle: Bundle, cloudwatch: CloudWatch) -> None:
    cloudwatch.client.put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "Throttles",
                "Value": 3,
                "Timestamp": time.time() - 300 * number,
                "Dimensions": [{"Name": "FunctionName", "Value": bundle.endpoints.process_function}],
            }
            for number in range(3)
        ],
    )
    assert eventually(lambda: cloudwatch.states()["FunctionsThrottled"] == "ALARM")


def test_each_queue_has_its_own_age(bundle: Bundle, cloudwatch: CloudWatch) -> None:
    name = bundle.endpoints.queue_url.rpartition("/")[2]
    metric = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": [{"Name": "QueueName", "Value": name}],
    }
    assert eventually(lambda: cloudwatch.values(metric, "Maximum"))
