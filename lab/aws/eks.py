"""Clusters of EKS and their groups of nodes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from lab.aws.iam import parts
from lab.aws.resource import Properties, Resource, names, retagged
from lab.aws.translate import input_shape, of_api, to_api

_WAIT: Final[Mapping[str, int]] = {"Delay": 1}
"""Seconds between two questions: a server near by is ready at once."""


class Eks(Resource):
    """What the types of EKS share: names of their API are those of the provider, tags a mapping."""

    @property
    def eks(self) -> Any:
        """The region's client."""
        return self.place.client("eks")

    def request(self, operation: str, inputs: Properties, renamed: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return what an operation is asked; raises Refused for an input that it doesn't take."""
        other = renamed or {}
        asked = {other.get(key, key): value for key, value in inputs.items() if value is not None and key[:2] != "__"}
        asked.pop("region", None)
        made = to_api(asked, input_shape(self.eks, operation))
        return dict(made)

    def retag(self, arn: str, old: Properties, new: Properties) -> None:
        """Change the tags."""
        gone, changed = retagged(old, new)
        if gone:
            self.eks.untag_resource(resourceArn=arn, tagKeys=gone)
        if changed:
            self.eks.tag_resource(resourceArn=arn, tags=changed)


class Cluster(Eks):
    """A control plane."""

    pulumi_type = "aws:eks/cluster:Cluster"
    takes = names(
        "name roleArn vpcConfig version accessConfig enabledClusterLogTypes encryptionConfig kubernetesNetworkConfig "
        "bootstrapSelfManagedAddons upgradePolicy deletionProtection zonalShiftConfig tags region"
    )
    fixed = names("name roleArn encryptionConfig kubernetesNetworkConfig bootstrapSelfManagedAddons region")
    named = "name"
    longest = 100
    defaults: ClassVar[Properties] = {"bootstrapSelfManagedAddons": True}
    hidden = names(
        "accessConfig computeConfig controlPlaneScalingConfig deletionProtection kubeApiServerConfig "
        "kubeControllerManagerConfig kubeSchedulerConfig storageConfig upgradePolicy clusterId"
    )

    def create(self, inputs: Properties) -> str:
        """Make it."""
        asked = {key: value for key, value in inputs.items() if key != "enabledClusterLogTypes"}
        request = self.request("create_cluster", asked, {"vpcConfig": "resourcesVpcConfig"})
        if inputs.get("enabledClusterLogTypes"):
            request["logging"] = _logging(inputs["enabledClusterLogTypes"], ())
        return str(self.eks.create_cluster(**request)["cluster"]["name"])

    def settle(self, name: str, inputs: Properties) -> None:
        """Wait until it is there."""
        del inputs
        self.eks.get_waiter("cluster_active").wait(name=name, WaiterConfig=_WAIT)

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Change one thing after the other, as EKS wants it, and wait each time."""
        if old.get("version") != new.get("version") and new.get("version"):
            self.eks.update_cluster_version(name=name, version=new["version"])
            self.settle(name, new)
        for key, member in (
            ("vpcConfig", "resourcesVpcConfig"),
            ("accessConfig", "accessConfig"),
            ("upgradePolicy", "upgradePolicy"),
            ("zonalShiftConfig", "zonalShiftConfig"),
            ("deletionProtection", "deletionProtection"),
        ):
            if old.get(key) != new.get(key) and new.get(key) is not None:
                asked = self.request("update_cluster_config", {member: new[key]})
                self.eks.update_cluster_config(name=name, **asked)
                self.settle(name, new)
        before, after = old.get("enabledClusterLogTypes") or [], new.get("enabledClusterLogTypes") or []
        if before != after:
            self.eks.update_cluster_config(name=name, logging=_logging(after, before))
            self.settle(name, new)
        self.retag(self.eks.describe_cluster(name=name)["cluster"]["arn"], old, new)

    def read(self, name: str, known: Properties) -> Properties:
        """Return it; names of logs are in a list by whether they are written."""
        del known
        found = self.eks.describe_cluster(name=name)["cluster"]
        same = names(
            "name arn roleArn version status endpoint platformVersion accessConfig kubernetesNetworkConfig "
            "upgradePolicy deletionProtection zonalShiftConfig"
        )
        properties = of_api(
            {key: value for key, value in found.items() if key in same & self.fields().shapes.keys()}, self.fields()
        )
        for key in names("arn status endpoint platformVersion") & found.keys():
            properties[key] = found[key]
        logs = [
            kind
            for each in found.get("logging", {}).get("clusterLogging", ())
            if each["enabled"]
            for kind in each["types"]
        ]
        properties["vpcConfig"] = of_api(found["resourcesVpcConfig"], self._fields_of("vpcConfig"))
        if found.get("encryptionConfig"):
            properties["encryptionConfig"] = of_api(found["encryptionConfig"][0], self._fields_of("encryptionConfig"))
        if logs:
            properties["enabledClusterLogTypes"] = logs
        return {
            **properties,
            "createdAt": found["createdAt"].isoformat(),
            "certificateAuthority": {"data": found.get("certificateAuthority", {}).get("data", "")},
            "identities": [{"oidcs": [{"issuer": found.get("identity", {}).get("oidc", {}).get("issuer", "")}]}],
            "tags": dict(found.get("tags") or {}),
        }

    def _fields_of(self, name: str) -> Any:
        return self.fields().shapes[name].fields

    def delete(self, name: str, known: Properties) -> None:
        """Delete it and wait until it is gone."""
        del known
        self.eks.delete_cluster(name=name)
        self.eks.get_waiter("cluster_deleted").wait(name=name, WaiterConfig=_WAIT)


class NodeGroup(Eks):
    """Nodes that start from one template. Its id is CLUSTER:NAME."""

    pulumi_type = "aws:eks/nodeGroup:NodeGroup"
    takes = names(
        "clusterName nodeGroupName nodeRoleArn subnetIds scalingConfig amiType capacityType diskSize instanceTypes "
        "labels launchTemplate taints updateConfig version releaseVersion forceUpdateVersion nodeRepairConfig "
        "tags region"
    )
    fixed = names("clusterName nodeGroupName nodeRoleArn subnetIds amiType capacityType diskSize instanceTypes region")
    named = "nodeGroupName"
    longest = 63
    defaults: ClassVar[Properties] = {"forceUpdateVersion": False}
    hidden = names("nodeGroupNamePrefix nodeRepairConfig updateConfig")
    _renamed: ClassVar[Mapping[str, str]] = {
        "subnetIds": "subnets",
        "nodeRoleArn": "nodeRole",
        "nodeGroupName": "nodegroupName",
    }

    def create(self, inputs: Properties) -> str:
        """Make it; versions that aren't named are the cluster's."""
        asked = {key: value for key, value in inputs.items() if key != "forceUpdateVersion"}
        self.eks.create_nodegroup(**self.request("create_nodegroup", asked, self._renamed))
        return f"{inputs['clusterName']}:{inputs['nodeGroupName']}"

    def settle(self, name: str, inputs: Properties) -> None:
        """Wait until its nodes are there."""
        del inputs
        self.eks.get_waiter("nodegroup_active").wait(**_group(name), WaiterConfig=_WAIT)

    def update(self, name: str, old: Properties, new: Properties) -> None:
        """Replace its nodes where their version or template changed, then change how many and what they carry."""
        group, versions = _group(name), names("version releaseVersion launchTemplate")
        if any(old.get(key) != new.get(key) for key in versions):
            asked = self.request("update_nodegroup_version", {key: new.get(key) for key in versions})
            force = bool(new.get("forceUpdateVersion"))
            self.eks.update_nodegroup_version(**group, **asked, force=force)
            self.settle(name, new)
        config: dict[str, Any] = {
            key: new[key]
            for key in ("scalingConfig", "updateConfig", "nodeRepairConfig")
            if old.get(key) != new.get(key) and new.get(key) is not None
        }
        before, after = old.get("labels") or {}, new.get("labels") or {}
        if before != after:
            config["labels"] = {"addOrUpdateLabels": after, "removeLabels": sorted(before.keys() - after.keys())}
        gone = [each for each in old.get("taints") or () if each not in (new.get("taints") or ())]
        if old.get("taints") != new.get("taints"):
            config["taints"] = {"addOrUpdateTaints": new.get("taints") or [], "removeTaints": gone}
        if config:
            self.eks.update_nodegroup_config(**group, **self.request("update_nodegroup_config", config))
            self.settle(name, new)
        self.retag(self.eks.describe_nodegroup(**group)["nodegroup"]["nodegroupArn"], old, new)

    def read(self, name: str, known: Properties) -> Properties:
        """Return it. Moto makes up a version whatever the cluster's is, and keeps no ``updateConfig``."""
        found = self.eks.describe_nodegroup(**_group(name))["nodegroup"]
        renamed = {other: key for key, other in self._renamed.items()}
        found = {renamed.get(key, key): value for key, value in found.items()}
        properties = of_api(found, self.fields(), self.takes - {"tags", "forceUpdateVersion"})
        template = properties.get("launchTemplate")
        if template:
            # EKS answers with id and name, and was asked by one of them.
            asked = known.get("launchTemplate") or ("id", "version")
            properties["launchTemplate"] = {key: template.get(key) for key in asked}
        groups = found.get("resources", {})
        scaling = [{"name": each["name"]} for each in groups.get("autoScalingGroups", ())]
        access = groups.get("remoteAccessSecurityGroup", "")
        return {
            **properties,
            "arn": found["nodegroupArn"],
            "status": found["status"],
            "resources": [{"autoscalingGroups": scaling, "remoteAccessSecurityGroupId": access}],
            "tags": dict(found.get("tags") or {}),
        }

    def delete(self, name: str, known: Properties) -> None:
        """Delete it and wait until its nodes are gone."""
        del known
        self.eks.delete_nodegroup(**_group(name))
        self.eks.get_waiter("nodegroup_deleted").wait(**_group(name), WaiterConfig=_WAIT)


def _group(name: str) -> dict[str, str]:
    cluster, group = parts(name, "CLUSTER:NAME")
    return {"clusterName": cluster, "nodegroupName": group}


def _logging(wanted: Any, before: Any) -> dict[str, Any]:
    off = sorted(set(before) - set(wanted))
    said = [{"types": sorted(wanted), "enabled": True}] if wanted else []
    return {"clusterLogging": said + ([{"types": off, "enabled": False}] if off else [])}
