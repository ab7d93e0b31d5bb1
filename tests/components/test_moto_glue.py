from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.moto_glue import extend_glue


def version(glue: Any) -> str:
    return str(glue.get_table(DatabaseName="lake", Name="events")["Table"]["VersionId"])


def update(glue: Any, snapshot: str, **from_version: str) -> None:
    table = {"Name": "events", "Parameters": {"metadata_location": snapshot}}
    glue.update_table(DatabaseName="lake", TableInput=table, **from_version)


@mock_aws
def test_the_second_of_two_updates_from_one_version_is_refused() -> None:
    extend_glue()
    glue = boto3.client("glue", "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test")
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_table(DatabaseName="lake", TableInput={"Name": "events"})
    both = version(glue)
    update(glue, "first", VersionId=both)
    with pytest.raises(ClientError, match=r"\(ConcurrentModificationException\).*events"):
        update(glue, "second", VersionId=both)
    assert glue.get_table(DatabaseName="lake", Name="events")["Table"]["Parameters"] == {"metadata_location": "first"}
    update(glue, "third", VersionId=version(glue))
    update(glue, "fourth")
    assert glue.get_table(DatabaseName="lake", Name="events")["Table"]["Parameters"] == {"metadata_location": "fourth"}
