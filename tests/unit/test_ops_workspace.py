"""What ``up`` leaves on disk, and how later commands find it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ops.failure import Failure, UsageFailure
from ops.stack_config import RuntimeKeys, insert
from ops.workspace import Workspace, parse_exports, render_exports, write_private
from toolchain.aws_plugin import STAND_IN

SALT = "v1:4aD9azvyFCA=:v1:YNFulOHlPL5/8THa:gT/XvKfL4bK/ZwBPwja4++6qfDzhBw=="
"""Made by the engine with the passphrase ``x``."""
CONFIG = "config:\n  kafka-platform:a: 1\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "Pulumi.yaml").write_text("name: kafka-platform\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(CONFIG)
    return Workspace(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_private_files_are_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secret"
    write_private(file, "first")
    write_private(file, "second")
    assert file.read_text() == "second"
    assert mode(file) == 0o600
    assert mode(file.parent) == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_exports_are_what_a_shell_reads(tmp_path: Path) -> None:
    exports = {"A": 'it\'s; $HOME `x` "y"', "B": "", "PATH": "/ours/bin:/usr/bin"}
    file = tmp_path / "env"
    file.write_text(render_exports(exports, ["/usr/bin"]))
    shown = subprocess.run(
        ["sh", "-c", f'. {file}; printf "%s|%s|%s" "$A" "$B" "$PATH"'],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == f"{exports['A']}||/ours/bin:/usr/bin:/bin"
    assert parse_exports(file.read_text()) == {"A": exports["A"], "B": ""}


def test_the_environment_file_keeps_our_programs_when_it_was_sourced_before(workspace: Workspace) -> None:
    cache = Path("/cache")
    ours = f"/cache/programs/pulumi/bin:{STAND_IN.parent}"
    engine = {"PATH": f"{ours}:/usr/bin", "PULUMI_BACKEND_URL": "file:///x"}
    for outer in ("/usr/bin", f"{ours}:/usr/bin"):
        workspace.write_environment(engine, {"PATH": outer, "KUBE_CONTEXT": "kind-kafka"}, cache)
        text = workspace.environment_file.read_text()
        assert f'export PATH={ours}:"$PATH"' in text.splitlines()
        assert "export KUBE_CONTEXT=kind-kafka" in text.splitlines()
        assert mode(workspace.environment_file) == 0o600


def test_a_clean_shell_adopts_what_up_recorded(workspace: Workspace) -> None:
    recorded = {"KUBE_CONTEXT": "kind", "KUBECONFIG": "/a", "KAFKA_PLATFORM_CACHE": "/c", "PULUMI_HOME": "/h"}
    write_private(workspace.environment_file, render_exports(recorded))
    environment: dict[str, str] = {}
    workspace.adopt_environment(environment)
    assert environment == {"KUBE_CONTEXT": "kind", "KUBECONFIG": "/a", "KAFKA_PLATFORM_CACHE": "/c"}


def test_an_empty_backend_is_none(workspace: Workspace) -> None:
    environment = {"PULUMI_BACKEND_URL": ""}
    workspace.adopt_environment(environment)
    assert environment == {}


def test_another_context_does_not_adopt_the_kubeconfig(workspace: Workspace) -> None:
    write_private(workspace.environment_file, render_exports({"KUBECONFIG": "/lab/kubeconfig"}))
    environment = {"KUBE_CONTEXT": "kind"}
    workspace.adopt_environment(environment)
    assert environment == {"KUBE_CONTEXT": "kind"}


def test_the_user_s_own_backend_and_passphrase_go_before(workspace: Workspace) -> None:
    assert workspace.engine_settings({})["PULUMI_BACKEND_URL"] == f"file://{workspace.root}/.state/pulumi?metadata=skip"
    settings = workspace.engine_settings({"PULUMI_BACKEND_URL": "s3://x", "PULUMI_CONFIG_PASSPHRASE": "y"})
    assert settings["PULUMI_BACKEND_URL"] == "s3://x"
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in settings
    assert "y" not in settings.values()


def test_a_passphrase_is_made_once(workspace: Workspace) -> None:
    workspace.make_passphrase({})
    first = workspace.passphrase_file.read_text()
    workspace.make_passphrase({})
    assert workspace.passphrase_file.read_text() == first
    assert len(first) >= 43
    assert mode(workspace.passphrase_file) == 0o600


def test_a_missing_passphrase_file_is_told_with_the_way_out(workspace: Workspace) -> None:
    workspace.store_keys(RuntimeKeys(salt=SALT, master_secret="c"))
    with pytest.raises(Failure) as caught:
        workspace.check_passphrase({})
    assert str(caught.value) == (
        "Pulumi.dev.yaml holds secrets of stack dev, but their passphrase file .state/passphrase is missing; "
        "put it back or set PULUMI_CONFIG_PASSPHRASE; if it is lost, `make down` discards stack and state"
    )


def test_a_wrong_passphrase_is_told(workspace: Workspace) -> None:
    workspace.store_keys(RuntimeKeys(salt=SALT, master_secret="c"))
    workspace.check_passphrase({"PULUMI_CONFIG_PASSPHRASE": "x"})
    with pytest.raises(Failure, match=r"^incorrect passphrase: it does not open the secrets in Pulumi\.dev\.yaml; "):
        workspace.check_passphrase({"PULUMI_CONFIG_PASSPHRASE": "wrong"})


def test_a_passphrase_file_of_the_user_s_that_is_missing_is_told(workspace: Workspace) -> None:
    with pytest.raises(Failure, match=r"PULUMI_CONFIG_PASSPHRASE_FILE names /nowhere, which is not there"):
        workspace.read_passphrase({"PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere"})


def test_keys_survive_a_reset_of_the_configuration(workspace: Workspace) -> None:
    keys = RuntimeKeys(salt=SALT, master_secret="c")
    workspace.store_keys(keys)
    workspace.config_file.write_text(CONFIG)
    assert workspace.runtime_keys() == keys
    workspace.store_keys(workspace.runtime_keys())
    assert SALT in workspace.config_text()


def test_keys_of_before_a_key_of_kms_are_not_taken_up_again(workspace: Workspace) -> None:
    """The engine takes the salt out of the file when the secrets' key changes; the copy still has it."""
    workspace.store_keys(RuntimeKeys(salt=SALT, master_secret="old"))
    under_key = insert(f"secretsprovider: awskms:///x\nencryptedkey: y\n{CONFIG}", RuntimeKeys(master_secret="new"))
    workspace.config_file.write_text(under_key)
    assert workspace.runtime_keys() == RuntimeKeys(master_secret="new")
    workspace.check_passphrase({})
    workspace.store_keys(workspace.runtime_keys())
    assert workspace.config_text() == under_key


def test_removing_the_keys_gives_the_committed_file_back(workspace: Workspace) -> None:
    workspace.config_file.chmod(0o640)
    workspace.store_keys(RuntimeKeys(salt=SALT, master_secret="c"))
    assert workspace.config_text() != CONFIG
    workspace.remove_keys()
    assert workspace.config_text() == CONFIG
    assert mode(workspace.config_file) == 0o640


def test_a_broken_configuration_is_told(workspace: Workspace) -> None:
    workspace.config_file.write_text("config: [\n")
    with pytest.raises(Failure, match=r"^Pulumi\.dev\.yaml can't be used: it is no YAML .*; correct the file$"):
        workspace.check_passphrase({})


def test_an_unknown_stack_is_told_with_those_there_are(workspace: Workspace) -> None:
    with pytest.raises(UsageFailure, match=r"^there is no stack prod; stacks are: dev$"):
        Workspace(workspace.root, "prod").check_stack()


def test_a_second_command_is_refused_and_the_first_is_named(workspace: Workspace) -> None:
    with workspace.locked("up"):
        other = subprocess.run(
            [
                *(sys.executable, "-c"),
                "import pathlib, sys\n"
                "from ops.workspace import Workspace\n"
                "try:\n"
                "    with Workspace(pathlib.Path(sys.argv[1])).locked('down'): print('held')\n"
                "except Exception as error: print(error)\n",
                str(workspace.root),
            ],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert other.stdout == (
            f"`ops up` (process {os.getpid()}) is at work in this checkout; wait for its end, or stop it\n"
        )
    with workspace.locked("down"):
        pass


def test_the_copy_of_the_keys_holds_no_plain_secret(workspace: Workspace) -> None:
    workspace.make_passphrase({})
    workspace.store_keys(RuntimeKeys(salt=SALT, master_secret="v1:a:b"))
    assert json.loads(workspace.keys_file.read_text()) == {"salt": SALT, "master_secret": "v1:a:b"}
    assert mode(workspace.keys_file) == 0o600
