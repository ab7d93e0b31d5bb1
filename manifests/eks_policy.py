"""Policy documents around machines on EKS, and around a cluster that is made."""

from typing import Final

from config.aws_names import oidc_issuer, partition
from manifests.iam import (
    ANYONE,
    Document,
    account_statement,
    document,
    literal,
    service_account_statement,
    service_statement,
)

NODE_POLICIES: Final = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy")
"""AWS's own policies of a machine's role (docs.aws.amazon.com/eks/latest/userguide/create-node-role.html)."""
CLUSTER_POLICIES: Final = ("AmazonEKSClusterPolicy",)
"""Of a cluster's role (docs.aws.amazon.com/eks/latest/userguide/cluster-iam-role.html)."""
CSI_POLICIES: Final = ("service-role/AmazonEBSCSIDriverPolicy",)
"""Of the EBS driver's role (docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html)."""


def managed_policy(region: str, name: str) -> str:
    """Return the ARN of one of AWS's own policies."""
    return f"arn:{partition(region)}:iam::aws:policy/{name}"


def access_policy(region: str, name: str) -> str:
    """Return the ARN of one of EKS's policies of access to a cluster."""
    return f"arn:{partition(region)}:eks::aws:cluster-access-policy/{name}"


def node_trust() -> Document:
    """Return who may take the role of machines: EC2."""
    return document(service_statement("AllowMachines", "ec2.amazonaws.com"))


def cluster_trust() -> Document:
    """Return who may take the role of a cluster: EKS."""
    return document(service_statement("AllowEks", "eks.amazonaws.com"))


def csi_trust(provider: str) -> Document:
    """Return who may take the role that makes volumes: the EBS driver's controller. ``provider`` is an ARN."""
    account = ("kube-system", "ebs-csi-controller-sa")
    return document(service_account_statement("AllowEbsDriver", provider, oidc_issuer(provider), *account))


def volume_key_policy(account: str, region: str) -> Document:
    """Return who may use a key of volumes: whoever in the account may use EBS, by way of EC2.

    So does the policy of AWS's own key aws/ebs: the role that the volume belongs to is the driver's, or that of Auto
    Scaling, which an account has only after its first group.
    """
    return document(
        account_statement(account, region),
        {
            "Sid": "AllowVolumesOfTheAccount",
            "Effect": "Allow",
            "Principal": ANYONE,
            "Action": [
                "kms:CreateGrant",
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey*",
                "kms:ReEncrypt*",
            ],
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "kms:CallerAccount": literal(account),
                    "kms:ViaService": f"ec2.{literal(region)}.amazonaws.com",
                }
            },
        },
    )


def secrets_key_policy(account: str, region: str) -> Document:
    """Return who may use a key of a cluster's Secrets: the account's policies decide; EKS gets a grant."""
    return document(account_statement(account, region))
