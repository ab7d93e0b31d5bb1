"""Operations of EKS that moto lacks, for tests of what is asked of EKS in which order: they keep what they are told.

Paths and members are those of EKS' service model; no machine, pod or permission is behind them.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.eks import urls
from moto.eks.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.eks.responses import EKSResponse

_CLUSTER = "{0}/clusters/(?P<name>[^/]+)"
_PATHS = (
    "/addons$",
    "/addons/(?P<addonName>[^/]+)$",
    "/addons/(?P<addonName>[^/]+)/update$",
    "/access-entries$",
    "/access-entries/(?P<rest>.+)$",
    "/node-groups/(?P<nodegroupName>[^/]+)/update-version$",
)


def extend_moto() -> None:
    """Add the operations, for servers that are made afterwards."""
    for path in _PATHS:
        urls.url_paths[_CLUSTER + path] = urls.response.dispatch
    for method in _METHODS:
        setattr(EKSResponse, method.__name__, method)


def _cluster(call: Any) -> Any:
    name = call._get_param("name")
    if name not in call.eks_backend.clusters:
        raise _missing(call, f"No cluster found for name: {name}.")
    return call.eks_backend.clusters[name]


def _missing(call: Any, message: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(
        clusterName=call._get_param("name"),
        nodegroupName=None,
        fargateProfileName=None,
        addonName=None,
        message=message,
    )


def _kept(call: Any, kind: str) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = vars(_cluster(call)).setdefault(f"lacked_{kind}", {})
    return kept


def _one(call: Any, kind: str, name: str) -> dict[str, Any]:
    kept = _kept(call, kind)
    if name not in kept:
        raise _missing(call, f"No {kind} found for name: {name}.")
    return kept[name]


def _given(call: Any, *names: str) -> dict[str, Any]:
    return {name: call._get_param(name) for name in names if call._get_param(name) is not None}


def _keep(call: Any, kind: str, name: str, **members: Any) -> dict[str, Any]:
    kept = _kept(call, kind)
    if name in kept:
        message = f"{kind} already exists"
        raise InvalidParameterException(
            clusterName=None, nodegroupName=None, fargateProfileName=None, addonName=None, message=message
        )
    now = datetime.now(UTC)
    arn = f"{_cluster(call).arn.replace(':cluster/', f':{kind}/')}/{name.rpartition('/')[2]}"
    kept[name] = {"clusterName": call._get_param("name"), "createdAt": now, "modifiedAt": now, "arn": arn, **members}
    return kept[name]


_ADDON = ("addonVersion", "serviceAccountRoleArn", "configurationValues")


def _addon(found: dict[str, Any]) -> dict[str, Any]:
    return {"addon": {**found, "addonArn": found["arn"]}}


def create_addon(self: Any) -> ActionResult:
    name = self._get_param("addonName")
    given = _given(self, *_ADDON, "tags")
    # EKS takes the default one for the cluster's version.
    made = _keep(self, "addon", name, addonName=name, status="ACTIVE", **{"addonVersion": "v1.0.0-eksbuild.1", **given})
    return ActionResult(_addon(made))


def describe_addon(self: Any) -> ActionResult:
    return ActionResult(_addon(_one(self, "addon", self._get_param("addonName"))))


def update_addon(self: Any) -> ActionResult:
    _one(self, "addon", self._get_param("addonName")).update(_given(self, *_ADDON))
    return ActionResult({"update": {"status": "Successful", "type": "AddonUpdate"}})


def delete_addon(self: Any) -> ActionResult:
    found = _one(self, "addon", self._get_param("addonName"))
    del _kept(self, "addon")[found["addonName"]]
    return ActionResult(_addon(found))


def _entry(found: dict[str, Any]) -> dict[str, Any]:
    return {"accessEntry": {**found, "accessEntryArn": found["arn"]}}


def create_access_entry(self: Any) -> ActionResult:
    principal = self._get_param("principalArn")
    given = {
        "type": "STANDARD",
        "username": principal,
        "kubernetesGroups": [],
        **_given(self, "kubernetesGroups", "type", "username", "tags"),
    }
    return ActionResult(_entry(_keep(self, "access-entry", principal, principalArn=principal, policies={}, **given)))


def describe_access_entry(self: Any) -> ActionResult:
    return ActionResult(_entry(_one(self, "access-entry", self._get_param("principalArn"))))


def update_access_entry(self: Any) -> ActionResult:
    found = _one(self, "access-entry", self._get_param("principalArn"))
    found.update(_given(self, "kubernetesGroups", "username"))
    return ActionResult(_entry(found))


def delete_access_entry(self: Any) -> ActionResult:
    found = _one(self, "access-entry", self._get_param("principalArn"))
    del _kept(self, "access-entry")[found["principalArn"]]
    return ActionResult({})


def associate_access_policy(self: Any) -> ActionResult:
    found = _one(self, "access-entry", self._get_param("principalArn"))
    now = datetime.now(UTC)
    made = {**_given(self, "policyArn", "accessScope"), "associatedAt": now, "modifiedAt": now}
    found["policies"][made["policyArn"]] = made
    return ActionResult({**_given(self, "clusterName", "principalArn"), "associatedAccessPolicy": made})


def list_associated_access_policies(self: Any) -> ActionResult:
    found = _one(self, "access-entry", self._get_param("principalArn"))
    return ActionResult({"associatedAccessPolicies": list(found["policies"].values())})


def disassociate_access_policy(self: Any) -> ActionResult:
    found = _one(self, "access-entry", self._get_param("principalArn"))
    if found["policies"].pop(self._get_param("policyArn"), None) is None:
        raise _missing(self, "The policy isn't associated.")
    return ActionResult({})


def update_nodegroup_version(self: Any) -> ActionResult:
    found = _cluster(self).nodegroups.get(self._get_param("nodegroupName"))
    if found is None:
        raise _missing(self, "No node group found.")
    if template := self._get_param("launchTemplate"):
        found.launch_template = {**found.launch_template, **template}
    found.version = self._get_param("version") or found.version
    return ActionResult({"update": {"status": "Successful", "type": "VersionUpdate"}})


_METHODS: tuple[Callable[[Any], ActionResult], ...] = (
    create_addon,
    describe_addon,
    update_addon,
    delete_addon,
    create_access_entry,
    describe_access_entry,
    update_access_entry,
    delete_access_entry,
    associate_access_policy,
    list_associated_access_policies,
    disassociate_access_policy,
    update_nodegroup_version,
)
