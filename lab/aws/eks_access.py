"""Who may use a cluster of EKS, and what EKS runs in it."""

from typing import Any, ClassVar

from lab.aws.eks import Eks
from lab.aws.errors import Refused
from lab.aws.iam import parts
from lab.aws.resource import Properties, Resource, names
from lab.aws.translate import of_api


class AccessEntry(Eks):
    """A principal of IAM that the cluster knows. Its id is CLUSTER:PRINCIPAL."""

    pulumi_type = "aws:eks/accessEntry:AccessEntry"
    takes = names("clusterName principalArn kubernetesGroups type userName tags region")
    fixed = names("clusterName principalArn type region")
    defaults: ClassVar[Properties] = {"type": "STANDARD"}

    def create(self, inputs: Properties) -> str:
        """Make it."""
        self.eks.create_access_entry(**self.request("create_access_entry", inputs, {"userName": "username"}))
        return f"{inputs['clusterName']}:{inputs['principalArn']}"

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change its groups, its user's name, tags."""
        asked = {key: new.get(key) for key in ("kubernetesGroups", "userName")}
        request = self.request("update_access_entry", asked, {"userName": "username"})
        self.eks.update_access_entry(**_entry(name), **request)
        self.retag(self.eks.describe_access_entry(**_entry(name))["accessEntry"]["accessEntryArn"], old, new)

    def read(self, name: str, known: Properties) -> Properties:
        """Return it."""
        del known
        found = self.eks.describe_access_entry(**_entry(name))["accessEntry"]
        return {
            **of_api(found, self.fields(), self.takes - {"tags"}),
            "accessEntryArn": found["accessEntryArn"],
            "createdAt": found["createdAt"].isoformat(),
            "modifiedAt": found["modifiedAt"].isoformat(),
            "tags": dict(found.get("tags") or {}),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Delete it."""
        del known
        self.eks.delete_access_entry(**_entry(name))


class AccessPolicyAssociation(Eks):
    """What a principal may do, by a policy of EKS' own. Its id is CLUSTER#PRINCIPAL#POLICY."""

    pulumi_type = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
    takes = names("clusterName principalArn policyArn accessScope region")
    fixed = takes

    def create(self, inputs: Properties) -> str:
        """Associate it."""
        self.eks.associate_access_policy(**self.request("associate_access_policy", inputs))
        return "#".join((inputs["clusterName"], inputs["principalArn"], inputs["policyArn"]))

    def read(self, name: str, known: Properties) -> Properties | None:
        """Return it when it is associated."""
        del known
        cluster, principal, policy = _association(name)
        pages = self.eks.get_paginator("list_associated_access_policies")
        for page in pages.paginate(clusterName=cluster, principalArn=principal):
            for found in page["associatedAccessPolicies"]:
                if found["policyArn"] == policy:
                    return {
                        "clusterName": cluster,
                        "principalArn": principal,
                        **of_api(found, self.fields(), {"policyArn", "accessScope"}),
                        "associatedAt": found["associatedAt"].isoformat(),
                        "modifiedAt": found["modifiedAt"].isoformat(),
                    }
        return None

    def delete(self, name: str, known: Properties) -> None:
        """Take it back."""
        del known
        cluster, principal, policy = _association(name)
        self.eks.disassociate_access_policy(clusterName=cluster, principalArn=principal, policyArn=policy)


class Addon(Eks):
    """What EKS runs in a cluster and keeps at a version. Its id is CLUSTER:NAME."""

    pulumi_type = "aws:eks/addon:Addon"
    takes = names(
        "clusterName addonName addonVersion configurationValues resolveConflictsOnCreate resolveConflictsOnUpdate "
        "serviceAccountRoleArn preserve podIdentityAssociations tags region"
    )
    fixed = names("clusterName addonName region")
    defaults: ClassVar[Properties] = {"preserve": False}
    hidden = names("configurationValues namespaceConfig")

    def create(self, inputs: Properties) -> str:
        """Install it."""
        gone = ("preserve", "resolveConflictsOnUpdate")
        asked = {key: value for key, value in inputs.items() if key not in gone}
        request = self.request("create_addon", asked, {"resolveConflictsOnCreate": "resolveConflicts"})
        self.eks.create_addon(**request)
        return f"{inputs['clusterName']}:{inputs['addonName']}"

    def settle(self, name: str, inputs: Properties) -> None:
        """Wait until it works."""
        del inputs
        self.eks.get_waiter("addon_active").wait(**_addon(name), WaiterConfig={"Delay": 1})

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change its version, its settings, its role."""
        kept = ("addonVersion", "configurationValues", "serviceAccountRoleArn", "resolveConflictsOnUpdate")
        asked = {key: new.get(key) for key in (*kept, "podIdentityAssociations")}
        request = self.request("update_addon", asked, {"resolveConflictsOnUpdate": "resolveConflicts"})
        self.eks.update_addon(**_addon(name), **request)
        self.settle(name, new)
        self.retag(self.eks.describe_addon(**_addon(name))["addon"]["addonArn"], old, new)

    def read(self, name: str, known: Properties) -> Properties:
        """Return it."""
        del known
        found = self.eks.describe_addon(**_addon(name))["addon"]
        same = self.takes - {"tags", "podIdentityAssociations"}
        return {
            **of_api(found, self.fields(), same),
            "arn": found["addonArn"],
            "createdAt": found["createdAt"].isoformat(),
            "modifiedAt": found["modifiedAt"].isoformat(),
            "tags": dict(found.get("tags") or {}),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Remove it from EKS' care, and from the cluster unless it is to be preserved."""
        self.eks.delete_addon(**_addon(name), preserve=bool(known.get("preserve")))
        self.eks.get_waiter("addon_deleted").wait(**_addon(name), WaiterConfig={"Delay": 1})


ACCESS: tuple[type[Resource], ...] = (AccessEntry, AccessPolicyAssociation, Addon)


def _entry(name: str) -> dict[str, Any]:
    cluster, principal = parts(name, "CLUSTER:PRINCIPAL")
    return {"clusterName": cluster, "principalArn": principal}


def _addon(name: str) -> dict[str, Any]:
    cluster, addon = parts(name, "CLUSTER:NAME")
    return {"clusterName": cluster, "addonName": addon}


def _association(name: str) -> tuple[str, str, str]:
    found = name.split("#")
    if len(found) != 3:
        raise Refused(f"{name} is no id: it is CLUSTER#PRINCIPAL#POLICY; correct it")
    return found[0], found[1], found[2]
