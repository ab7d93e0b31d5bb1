"""What of the SDK's own doings is left out, and that the pinned SDK has it to leave out."""

from collections.abc import Iterator

import pulumi
import pytest
from pulumi.runtime import resource as runtime
from pulumi.runtime.proto import source_pb2

from components.sdk import keep_innermost_frame, trim_sdk


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[source_pb2.StackFrame]]:
    made = [
        source_pb2.StackFrame(pc=source_pb2.SourcePosition(uri=f"file:///program/{number}.py", line=number))
        for number in range(3)
    ]
    monkeypatch.setattr(runtime, "_get_stack_trace", lambda: source_pb2.StackTrace(frames=made))
    yield made


def test_the_innermost_frame_is_kept(frames: list[source_pb2.StackFrame]) -> None:
    keep_innermost_frame()
    keep_innermost_frame()
    assert list(runtime._get_stack_trace().frames) == frames[:1]


def test_the_pinned_sdk_has_what_is_shortened() -> None:
    assert isinstance(runtime._get_stack_trace(), source_pb2.StackTrace)


def test_an_sdk_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(runtime, "_get_stack_trace")
    keep_innermost_frame()
    assert not hasattr(runtime, "_get_stack_trace")


@pytest.mark.parametrize(("environment", "sent"), [({}, []), ({"PLATFORM_DEBUG": "1"}, ["registering"])])
def test_debug_messages_are_sent_when_asked_for(
    environment: dict[str, str], sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    monkeypatch.setattr(runtime, "_get_stack_trace", runtime._get_stack_trace)
    monkeypatch.setattr(pulumi.log, "debug", found.append)
    monkeypatch.setattr("components.sdk.gc.set_threshold", lambda _: None)
    trim_sdk(environment)
    # The SDK looks the function up when it has something to say.
    vars(runtime)["log"].debug("registering")
    assert found == sent
