"""The engines that the reader is tested on."""

import pytest


@pytest.fixture(params=["moto", "emulator"])
def engine(request: pytest.FixtureRequest) -> object:
    """Not on the double: the reader speaks DynamoDB."""
    if request.param == "emulator":
        return request.getfixturevalue("local_aws").endpoint
    request.getfixturevalue("in_process_aws")
    return None
