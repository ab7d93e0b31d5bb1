"""The gRPC service by which the engine uses a provider: pulumi/proto/pulumi/provider.proto."""

import functools
import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from config.errors import Problem, dotted
from lab.aws.account import ENDPOINT, Account, check_endpoint, connection_problem, no_answer
from lab.aws.changes import changes
from lab.aws.errors import Refused, is_page
from lab.aws.functions import invoke
from lab.aws.provider import Change, Provider, Unfinished
from lab.aws.resource import Resource
from lab.aws.schema import version
from lab.aws.settings import decoded, setting_problems
from lab.aws.wire import plain, secret_names, struct

_THREADS: Final = 64
_LOG_SECONDS: Final = 10
_LARGEST: Final = 400 * 1024 * 1024
"""Bytes of a message, as in Pulumi's own servers."""


def _answered(method: Callable[..., Any]) -> Callable[..., Any]:
    """End a call that failed in the words of whoever refused it."""

    @functools.wraps(method)
    def answer(self: "Service", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except Unfinished as error:
            _abort_unfinished(context, error, self.explained(error.reason), secret_names(request.properties))
        except Exception as error:  # noqa: BLE001
            context.abort(grpc.StatusCode.UNKNOWN, self.explained(error))

    return answer


class Service(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process: the engine starts one for each provider it configures."""

    def __init__(self, types: Mapping[str, type[Resource]], environment: Mapping[str, str], engine: str) -> None:
        self._types, self._environment, self._engine = types, environment, engine
        self._provider = Provider(Account({}, environment), types)

    def explained(self, error: Exception) -> str:
        """Return what went wrong as one sentence, a service's own where it has one."""
        if isinstance(error, BotoCoreError):
            return connection_problem(error, self._environment) or str(error)
        if isinstance(error, ResponseParserError) or (isinstance(error, ClientError) and is_page(error)):
            return no_answer(error, self._environment)
        if isinstance(error, Refused | ClientError):
            return str(error)
        print("".join(traceback.format_exception(error)), file=sys.stderr)  # noqa: T201
        return f"the stand-in for AWS's plugin failed: {type(error).__name__}: {error}"

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        return plugin_pb2.PluginInfo(version=version())

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        return empty_pb2.Empty()

    @_answered
    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        found = setting_problems(decoded(plain(request.news)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(found))

    @_answered
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        places = changes(decoded(plain(request.old_inputs)), decoded(plain(request.news)))
        return _difference([Change(path, kind, replaces=False) for path, kind in places])

    @_answered
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        self._introduce()
        # A preview of what isn't there yet needs no server; a wrong one is told before anything is asked.
        if endpoint := self._environment.get(ENDPOINT):
            check_endpoint(endpoint)
        self._provider = Provider(Account(decoded(plain(request.args)), self._environment), self._types)
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=False)

    def _introduce(self) -> None:
        """Have the engine say in its own output, which every report is made of, that nothing here is at AWS."""
        where = self._environment.get(ENDPOINT) or "no server, for previews of what is new"
        said = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.Value("WARNING"),
            message=f"AWS is stood in for: this checkout's plugin of {version()} works against {where}",
        )
        with grpc.insecure_channel(self._engine) as channel:
            engine_pb2_grpc.EngineStub(channel).Log(said, timeout=_LOG_SECONDS)

    @_answered
    def Check(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        token, name = _type(request.urn), request.urn.rpartition("::")[2]
        made = self._provider.check(token, name, plain(request.olds), plain(request.news), request.randomSeed)
        return provider_pb2.CheckResponse(
            inputs=struct(made.inputs, secret_names(request.news)), failures=_failures(made.problems)
        )

    @_answered
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        token, old, new = _type(request.urn), plain(request.old_inputs), plain(request.news)
        found = self._provider.diff(token, plain(request.olds), old, new, list(request.ignoreChanges))
        return _difference(found, self._provider.replaced_first(token, old, new))

    @_answered
    def Create(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        token, inputs, secret = _type(request.urn), plain(request.properties), secret_names(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=struct(self._provider.foreseen(token, inputs), secret))
        name, outputs = self._provider.create(token, inputs)
        return provider_pb2.CreateResponse(id=name, properties=struct(outputs, secret))

    @_answered
    def Read(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        known, inputs = plain(request.properties), plain(request.inputs)
        found = self._provider.read(_type(request.urn), request.id, known, inputs)
        if found is None:
            return provider_pb2.ReadResponse()
        secret = secret_names(request.properties, request.inputs)
        outputs, asked = struct(found[0], secret), struct(found[1], secret)
        return provider_pb2.ReadResponse(id=request.id, properties=outputs, inputs=asked)

    @_answered
    def Update(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        token, new, secret = _type(request.urn), plain(request.news), secret_names(request.news)
        if request.preview:
            foreseen = self._provider.foreseen(token, new, plain(request.olds), plain(request.old_inputs))
            return provider_pb2.UpdateResponse(properties=struct(foreseen, secret))
        outputs = self._provider.update(token, request.id, plain(request.old_inputs), new)
        return provider_pb2.UpdateResponse(properties=struct(outputs, secret))

    @_answered
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        known = {**plain(request.old_inputs), **plain(request.properties)}
        self._provider.delete(_type(request.urn), request.id, known)
        return empty_pb2.Empty()

    @_answered
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: ARG002, D102, N802
        answer = invoke(self._provider.account, request.tok, plain(request.args))
        return provider_pb2.InvokeResponse(**{"return": struct(answer)})


def serve(types: Mapping[str, type[Resource]], environment: Mapping[str, str], engine: str) -> None:
    """Serve on a port of loopback, say on standard output which, as the engine waits for it, and never return."""
    options = [("grpc.max_receive_message_length", _LARGEST), ("grpc.max_send_message_length", _LARGEST)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Service(types, environment, engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _failures(found: Any) -> list[Any]:
    def failure(problem: Problem) -> Any:
        return provider_pb2.CheckFailure(property="", reason=str(problem))

    return [failure(problem) for problem in sorted(found)]


def _difference(found: list[Change], replaced_first: bool = False) -> Any:
    kinds = provider_pb2.PropertyDiff
    detailed = {
        dotted(each.path): kinds(
            kind=kinds.Kind.Value(each.kind + ("_REPLACE" if each.replaces else "")), inputDiff=True
        )
        for each in found
    }
    tops = [str(each.path[0]) for each in found]
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted(set(tops)),
        replaces=sorted({str(each.path[0]) for each in found if each.replaces}),
        deleteBeforeReplace=replaced_first and any(each.replaces for each in found),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _abort_unfinished(context: grpc.ServicerContext, error: Unfinished, reason: str, secret: frozenset[str]) -> None:
    """Say that it is there and not whole, so that the engine keeps it: ErrorResourceInitFailed of the protocol."""
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason)
    status.details.add().Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.name,
            properties=struct(error.outputs, secret),
            reasons=[reason],
            inputs=struct(error.inputs, secret),
        )
    )
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, reason)
