"""A strict monitor that records what a program registers, as the engine would receive it.

Pulumi's own mocks hide parents, protection, dependencies and secret marks, and overwrite duplicates in silence.
This one keeps them, raises for a duplicate, an unknown function or a read, and marks outputs secret as the engine does.
"""

import asyncio
import base64
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, NoReturn

import pulumi
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime import rpc, settings
from pulumi.runtime.mocks import MockEngine, MockMonitor, MockSettings
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import Stack, wait_for_rpcs

from config.literals import PROJECT

STACK_TYPE: Final = "pulumi:pulumi:Stack"
SECRET: Final = {rpc._special_sig_key: rpc._special_secret_sig}


class Rejected(Exception):
    """The program asked for something that the engine, or these tests, refuse."""


@dataclass(frozen=True)
class Secret:
    """A value that reached the engine marked as secret; it prints without it."""

    value: Any = field(repr=False)


class Unknown:
    """A value that a preview can't know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()

Outputs = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Computed outputs of a resource from its logical name and its plain inputs."""


def _nothing(_: str, __: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


def _private_key(name: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "privateKeyPem": f"-----BEGIN EC PRIVATE KEY-----\nprivate of {name}\n",
        "privateKeyPemPkcs8": f"-----BEGIN PRIVATE KEY-----\nprivate of {name}\n",
        "publicKeyPem": f"-----BEGIN PUBLIC KEY-----\npublic of {name}\n",
    }


def _certificate(name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    names = ",".join([*inputs.get("dnsNames", ()), *inputs.get("ipAddresses", ())])
    return {"certPem": f"-----BEGIN CERTIFICATE-----\n{name} {names}\n", "readyForRenewal": False}


def _key_store(name: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        part: base64.b64encode(f"private of {name} {part}".encode()).decode() for part in ("key_store", "trust_store")
    }


def _registered(_: str, __: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"version": 1, "schema_id": 1}


def _aws_key(name: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"arn": f"arn:aws:kms:eu-central-1:111122223333:key/{name}", "keyId": name}


def _aws_role(name: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"arn": f"arn:aws:iam::111122223333:role/{name}", "name": name}


def _aws_cluster(_: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/MADE"
    return {
        "endpoint": f"https://{inputs['name']}.example.org",
        "certificateAuthority": {"data": "Y2E="},
        "identities": [{"oidcs": [{"issuer": issuer}]}],
    }


def _aws_oidc_provider(_: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"arn": f"arn:aws:iam::111122223333:oidc-provider/{inputs['url'].removeprefix('https://')}"}


def _aws_launch_template(_: str, __: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"latestVersion": 7}


def _aws_node_group(name: str, _: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"nodeGroupName": f"{name}-0123456"}


def _service(name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    if inputs["spec"].get("type") != "LoadBalancer":
        return {}
    return {"status": {"loadBalancer": {"ingress": [{"hostname": f"{name}.elb.example.org"}]}}}


COMPUTED: Final[Mapping[str, Outputs]] = {
    "aws:ec2/launchTemplate:LaunchTemplate": _aws_launch_template,
    "aws:eks/cluster:Cluster": _aws_cluster,
    "aws:eks/nodeGroup:NodeGroup": _aws_node_group,
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _aws_oidc_provider,
    "aws:iam/role:Role": _aws_role,
    "aws:kms/key:Key": _aws_key,
    "kubernetes:core/v1:Service": _service,
    "pulumi-python:dynamic/index:SchemaSubject": _registered,
    "tls:index/privateKey:PrivateKey": _private_key,
    "tls:index/selfSignedCert:SelfSignedCert": _certificate,
    "tls:index/locallySignedCert:LocallySignedCert": _certificate,
    "pulumi-python:dynamic/index:KeyStore": _key_store,
}


def is_secret(value: object) -> bool:
    """True when the value itself was marked secret."""
    return isinstance(value, Secret)


def reveal(value: Any) -> Any:
    """The value with all secret marks, at any depth, taken off."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def public_text(value: Any) -> str:
    """All keys and values that stand in plain, in one text to search for what must not be there."""
    if isinstance(value, Secret):
        return ""
    if isinstance(value, dict):
        return "\n".join(f"{key}\n{public_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "\n".join(public_text(item) for item in value)
    return str(value)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration."""

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    deleted_with: str
    """URN; empty: none."""
    inputs: Mapping[str, Any]
    """Secrets are Secret, unknowns UNKNOWN."""
    dependencies: tuple[str, ...]
    """URNs: those of depends_on and those that follow from inputs."""
    property_dependencies: Mapping[str, tuple[str, ...]]
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    additional_secret_outputs: tuple[str, ...]
    aliases: tuple[str, ...]
    timeouts: Mapping[str, str]
    provider: str
    """URN of the provider; empty: the default one."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """A Kubernetes object's metadata, revealed."""
        found: Mapping[str, Any] = reveal(self.inputs["metadata"])
        return found


class Recording(MockMonitor):
    """Everything that was registered; ask it after the ``with`` block."""

    def __init__(self, *, stack: str, project: str, preview: bool, computed: Mapping[str, Outputs]) -> None:
        # Worker threads, where registrations arrive, have a context of their own that knows neither.
        self._place = f"{stack}::{project}"
        self._preview = preview
        self._computed = {**COMPUTED, **computed}
        self._lock = threading.Lock()
        self._by_urn: dict[str, Resource] = {}
        self._outputs: dict[str, Mapping[str, Any]] = {}
        self.exports: dict[str, Any] = {}
        """Stack outputs: secrets are Secret, unknowns UNKNOWN."""

    @property
    def all(self) -> Sequence[Resource]:
        """All resources but the stack, in the order of registration."""
        return [resource for resource in self._by_urn.values() if resource.type != STACK_TYPE]

    def by_type(self, type: str) -> Sequence[Resource]:
        """Resources of a type, given as its token or as what follows the last colon."""
        return [each for each in self.all if type in (each.type, each.type.rpartition(":")[2])]

    def one(self, type: str, name: str) -> Resource:
        """The resource of this type and logical name."""
        found = [resource for resource in self.by_type(type) if resource.name == name]
        if len(found) != 1:
            known = ", ".join(resource.name for resource in self.by_type(type)) or "none"
            raise LookupError(f"no {type} {name!r}; there are: {known}")
        return found[0]

    def by_urn(self, urn: str) -> Resource:
        """The resource with this URN."""
        return self._by_urn[urn]

    def children(self, urn: str) -> Sequence[Resource]:
        """Resources whose parent this is."""
        return [resource for resource in self.all if resource.parent == urn]

    def outputs(self, urn: str) -> Mapping[str, Any]:
        """What a component registered as its outputs; KeyError when it never did."""
        return self._outputs[urn]

    # What the SDK calls, named as the RPC service names it.

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> Any:  # noqa: N802
        resource = self._resource(request)
        with self._lock:
            if any((resource.type, resource.name) == (each.type, each.name) for each in self._by_urn.values()):
                raise Rejected(f"{resource.type} {resource.name!r} is registered twice")
            if resource.parent and resource.parent not in self._by_urn:
                raise Rejected(f"{resource.type} {resource.name!r} has an unregistered parent {resource.parent}")
            self._by_urn[resource.urn] = resource
        response = resource_pb2.RegisterResourceResponse(urn=resource.urn)
        response.object.CopyFrom(request.object)
        if request.custom and not self._preview:
            response.id = self._id(resource)
            plain = reveal(dict(resource.inputs))
            for key, value in self._computed.get(resource.type, _nothing)(resource.name, plain).items():
                response.object[key] = value
        for key in resource.additional_secret_outputs:
            if key in response.object and not is_secret(_value(response.object.fields[key])):
                plain_value = struct_pb2.Value()
                plain_value.CopyFrom(response.object.fields[key])
                marked = response.object.fields[key].struct_value
                marked.update(SECRET)
                marked.fields["value"].CopyFrom(plain_value)
        return response

    def RegisterResourceOutputs(  # noqa: N802
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        with self._lock:
            if request.urn in self._outputs:
                raise Rejected(f"{request.urn} registers its outputs twice")
            self._outputs[request.urn] = _struct(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> NoReturn:  # noqa: N802
        raise Rejected(f"function {request.tok} is not expected")

    def ReadResource(self, request: Any) -> NoReturn:  # noqa: N802
        raise Rejected(f"reading {request.type} {request.name!r} is not expected")

    def SupportsFeature(self, request: Any) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(hasSupport=request.id not in ("outputValues", "transforms", "invokeTransforms"))

    @staticmethod
    def _id(resource: Resource) -> str:
        if resource.type == "aws:s3/bucket:Bucket":
            return str(reveal(resource.inputs["bucket"]))
        metadata = reveal(resource.inputs.get("metadata")) or {}
        name = metadata.get("name") or resource.name
        return f"{metadata['namespace']}/{name}" if "namespace" in metadata else name

    def _resource(self, request: resource_pb2.RegisterResourceRequest) -> Resource:
        parent = self._by_urn.get(request.parent)
        chain = parent.urn.split("::")[2] + "$" if parent is not None and parent.type != STACK_TYPE else ""
        return Resource(
            type=request.type,
            name=request.name,
            urn=f"urn:pulumi:{self._place}::{chain}{request.type}::{request.name}",
            parent=request.parent,
            custom=request.custom,
            protect=request.protect,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            deleted_with=request.deletedWith,
            inputs=_struct(request.object),
            dependencies=tuple(request.dependencies),
            property_dependencies={key: tuple(it.urns) for key, it in request.propertyDependencies.items()},
            ignore_changes=tuple(request.ignoreChanges),
            replace_on_changes=tuple(request.replaceOnChanges),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            aliases=(
                *request.aliasURNs,
                *(alias.urn or alias.spec.name or alias.spec.type for alias in request.aliases),
            ),
            timeouts={
                key: getattr(request.customTimeouts, key)
                for key in ("create", "update", "delete")
                if getattr(request.customTimeouts, key)
            },
            provider=request.provider.rpartition("::")[0],
        )


def _struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _value(value) for key, value in struct.fields.items()}


def _value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            fields = _struct(value.struct_value)
            if fields.get(rpc._special_sig_key) == rpc._special_secret_sig:
                return Secret(fields["value"])
            return fields
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case "number_value":
            return int(value.number_value) if value.number_value.is_integer() else value.number_value
        case "bool_value":
            return value.bool_value
        case "string_value":
            return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
        case _:
            return None


async def _resolve(value: Any) -> Any:
    output = pulumi.Output.from_input(value)
    plain = await output.future() if await output.is_known() else UNKNOWN
    return Secret(plain) if await output.is_secret() else plain


@contextmanager
def recorded(
    *, preview: bool = False, computed: Mapping[str, Outputs] | None = None, stack: str = "test"
) -> Iterator[Recording]:
    """Run the block as a program of its own and record it; everything is settled when the block is left.

    ``computed`` adds outputs by type token for resources whose provider would compute some. An exception of the
    block, or of a registration, is raised as it is.
    """
    recording = Recording(stack=stack, project=PROJECT, preview=preview, computed=computed or {})
    loop = asyncio.new_event_loop()
    # A failure is raised below; what it took along would be logged by whichever garbage collection finds it.
    loop.set_exception_handler(lambda _, __: None)
    asyncio.set_event_loop(loop)
    former = settings.ROOT.get()
    settings.ROOT.set(None)
    settings.configure(
        MockSettings(  # type: ignore[no-untyped-call]
            monitor=recording, engine=MockEngine(None), project=PROJECT, stack=stack, dry_run=preview,
            organization="organization", feature_support={}, package_refs={}, outputs=set(), lock=threading.Lock(),
            callbacks=None,
        )
    )  # fmt: skip
    try:
        root = Stack(lambda: None)
        try:
            yield recording
        finally:
            loop.run_until_complete(wait_for_rpcs())

        async def resolve() -> None:
            for key, value in root.outputs.items():
                recording.exports[key] = await _resolve(value)

        loop.run_until_complete(resolve())
    finally:
        settings.ROOT.set(former)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)
