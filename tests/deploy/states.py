"""The states that a stack of CloudFormation may be in, as AWS's own description of its API lists them."""

import botocore.session
from botocore.model import StringShape


def states() -> list[str]:
    shape = botocore.session.get_session().get_service_model("cloudformation").shape_for("StackStatus")
    assert isinstance(shape, StringShape)
    return [*shape.enum]
