"""What of the SDK's own doings is left out, and that the pinned SDK has it to leave out."""

import gc
from collections.abc import Sequence
from typing import Any

import pulumi
import pytest
from pulumi import output
from pulumi.runtime import resource as runtime
from pulumi.runtime import rpc, stack
from pulumi.runtime.proto import source_pb2

from components.sdk import (
    await_outputs_together,
    hold_outputs_by_one_future,
    innermost_frame,
    keep_innermost_frame,
    queue_registrations,
    search_for_possible_cycles,
    trim_sdk,
)
from tests.components.recording import Rejected, recorded

TOUCHED = (
    (runtime, "_get_stack_trace"),
    (runtime, "prepare_resource"),
    (runtime, "resource_output"),
    (rpc, "declare_dependency"),
    (rpc, "transfer_properties"),
    (stack, "asyncio"),
)
"""What of the SDK is replaced."""
ORIGINAL = {(module.__name__, name): getattr(module, name) for module, name in TOUCHED}


@pytest.fixture(autouse=True)
def sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK as it was before any other test ran the program, and again afterwards."""
    for module, name in TOUCHED:
        monkeypatch.setattr(module, name, ORIGINAL[module.__name__, name])


class Thing(pulumi.CustomResource):
    """As generated classes are: what makes one is the caller of the third constructor."""

    def __init__(self, name: str, after: Sequence[pulumi.Resource] = ()) -> None:
        super().__init__("test:index:Thing", name, {"size": 1}, pulumi.ResourceOptions(depends_on=list(after)))


def test_the_innermost_frame_is_the_first_of_the_sdk_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[source_pb2.StackFrame]] = []
    monkeypatch.setattr(runtime, "_get_stack_trace", lambda: both())
    whole = ORIGINAL[runtime.__name__, "_get_stack_trace"]

    def both() -> source_pb2.StackTrace:
        seen.append([found().frames[0] for found in (whole, innermost_frame)])
        return source_pb2.StackTrace()

    with recorded():
        Thing("one")
    assert seen[-1][0] == seen[-1][1]
    assert seen[-1][1].pc.uri.endswith("/tests/unit/test_sdk.py")


def test_an_sdk_without_what_is_replaced_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in TOUCHED:
        monkeypatch.delattr(module, name)
    monkeypatch.delattr(output, "_OutputData")
    monkeypatch.setattr("components.sdk.gc.set_threshold", lambda _: None)
    trim_sdk({"PLATFORM_DEBUG": "1"})
    assert not any(hasattr(module, name) for module, name in TOUCHED)


def test_the_pinned_sdk_has_all_that_is_replaced() -> None:
    keep_innermost_frame()
    await_outputs_together()
    search_for_possible_cycles()
    hold_outputs_by_one_future()
    queue_registrations()
    for module, name in TOUCHED:
        assert getattr(module, name) is not ORIGINAL[module.__name__, name], name


@pytest.mark.parametrize("preview", [False, True])
def test_a_program_registers_the_same_either_way(preview: bool) -> None:
    def register() -> tuple[list[Any], dict[str, Any]]:
        with recorded(preview=preview) as recording:
            secret = pulumi.Output.secret("word")
            one, two = Thing("one"), Thing("two")
            three = Thing("three", [one, two])
            Thing("four", [three])
            pulumi.export("size", three.size)  # type: ignore[attr-defined]
            pulumi.export("made", pulumi.Output.all(three.urn, three.id, secret))
        return [(each.urn, set(each.dependencies)) for each in recording.all], recording.exports

    before, exports = register()
    trimmed()
    after, trimmed_exports = register()
    assert sorted(after) == sorted(before)
    assert repr(trimmed_exports) == repr(exports)


def test_more_resources_than_have_a_turn_at_once_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.sdk._REGISTRATIONS", 2)
    trimmed()
    # Twice, as each program has a loop of its own.
    for _ in range(2):
        with recorded() as recording:
            last: Sequence[pulumi.Resource] = ()
            for number in range(20):
                last = [Thing(f"chained-{number}", last), Thing(f"beside-{number}")][:1]
        assert len(recording.all) == 40


def test_a_resource_that_fails_gives_its_turn_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.sdk._REGISTRATIONS", 1)
    trimmed()
    with pytest.raises(Rejected, match="is registered twice"), recorded() as recording:
        for name in ("one", "one", "two"):
            Thing(name)
    assert [each.name for each in recording.all] == ["one", "two"]


def test_cycles_are_still_found() -> None:
    search_for_possible_cycles()
    with recorded():
        one, two, three = Thing("one"), Thing("two"), Thing("three")
        declare = vars(rpc)["declare_dependency"]
        assert declare(one, two)
        assert declare(two, three)
        assert not declare(three, one)
        assert not declare(two, two)


def test_a_registration_that_fails_is_told_once_in_its_own_words(caplog: pytest.LogCaptureFixture) -> None:
    trimmed()
    with pytest.raises(Rejected, match="is registered twice"), recorded():
        Thing("one")
        Thing("one")
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_an_output_that_fails_is_raised() -> None:
    trimmed()

    def fail(_: object) -> None:
        raise ValueError("in the program's own words")

    with pytest.raises(ValueError, match="in the program's own words"), recorded():
        Thing("one").urn.apply(fail)


def trimmed() -> None:
    await_outputs_together()
    search_for_possible_cycles()
    hold_outputs_by_one_future()
    queue_registrations()


@pytest.mark.parametrize(("environment", "sent"), [({}, []), ({"PLATFORM_DEBUG": "1"}, ["registering"])])
def test_debug_messages_are_sent_when_asked_for(
    environment: dict[str, str], sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", found.append)
    monkeypatch.setattr("components.sdk.gc.set_threshold", lambda _: None)
    trim_sdk(environment)
    # The SDK looks the function up when it has something to say.
    vars(runtime)["log"].debug("registering")
    assert found == sent
