"""AWS as prod's configuration finds it: a moto that already has the cluster, subnets, hosted zone and lake it names.

    python -m tests.prod_lab.account HOST PORT

says «ready» on standard output, and ends when its standard input does.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from config.aws import AwsSpec
from tests.prod_lab.stack import ROOT, configured

CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab"}
NETWORK: Final = "10.32.0.0/16"


@cache
def connect(service: str, url: str, region: str) -> Any:
    """Return a client of the account; each is kept, with its connections."""
    return boto3.client(
        service,
        region,
        endpoint_url=url,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(s3={"addressing_style": "path"}),
    )


@contextmanager
def account(host: str, port: int) -> Iterator[str]:
    """Serve it on an address in a process of its own, whose account is the stack's: yields the URL."""
    aws = configured()[0].aws
    assert aws is not None
    # moto reads both when it is imported; the second gives it AWS' own policies.
    own = {"MOTO_ACCOUNT_ID": aws.account, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.prod_lab.account", host, str(port)],
        cwd=ROOT,
        env={**os.environ, **own},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            assert said == "ready\n", f"AWS' stand-in did not start: {said}{server.stdout.read()}"
            yield f"http://{host}:{port}"
        finally:
            server.terminate()


def main(host: str, port: int) -> None:
    from moto.server import ThreadedMotoServer

    from tests.moto_eks import extend_moto
    from tests.moto_glue import extend_glue

    extend_moto()
    extend_glue()
    # Otherwise it writes a line for each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    ThreadedMotoServer(host, port, verbose=False).start()
    platform, _ = configured()
    aws, url = platform.aws, f"http://{host}:{port}"
    assert aws is not None
    region = aws.region
    _furnish(aws, lambda service: connect(service, url, region))
    for connector in platform.connect.connectors if platform.connect else ():
        if connector.iceberg is not None:
            where = {"LocationConstraint": region}
            bucket = urlsplit(connector.iceberg.warehouse).netloc
            connect("s3", url, region).create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


def _furnish(aws: AwsSpec, client: Callable[[str], Any]) -> None:
    """Make what the configuration names, under the ids that it has there."""
    ec2, subnets = client("ec2"), list(aws.network.subnets.items())
    vpc = ec2.create_vpc(CidrBlock=NETWORK)["Vpc"]["VpcId"]
    for index, (zone, wanted) in enumerate(subnets):
        with patch("moto.ec2.models.subnets.random_subnet_id", return_value=wanted):
            cidr = NETWORK.replace(".0.0/16", f".{index}.0/24")
            made = ec2.create_subnet(VpcId=vpc, AvailabilityZone=zone, CidrBlock=cidr)["Subnet"]["SubnetId"]
        assert made == wanted
    client("eks").create_cluster(
        name=aws.cluster.name,
        roleArn=f"arn:aws:iam::{aws.account}:role/cluster",
        resourcesVpcConfig={"subnetIds": [subnet for _, subnet in subnets]},
    )
    if aws.cluster.oidc_provider_arn is not None:
        issuer = aws.cluster.oidc_provider_arn.partition(":oidc-provider/")[2]
        made = client("iam").create_open_id_connect_provider(
            Url=f"https://{issuer}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )["OpenIDConnectProviderArn"]
        assert made == aws.cluster.oidc_provider_arn
    if aws.route53 is not None:
        with patch("moto.route53.models.HostedZoneIdentifier.generate", return_value=aws.route53.zone_id):
            client("route53").create_hosted_zone(Name=aws.route53.domain, CallerReference="lab")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
