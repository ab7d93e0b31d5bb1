import os
from collections.abc import Callable
from pathlib import Path

import pytest

import versions
from toolchain import aws_plugin, engine
from toolchain.builds import BUILDS
from toolchain.cache import VARIABLE, Missing, cache_root

MAJOR, MINOR, PATCH = map(int, versions.PULUMI.split("."))

Install = Callable[..., Path]


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("PULUMI_HOME", raising=False)


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Put a `pulumi` that says the version, with or without its language host, into a directory."""

    def one(version: str, directory: str = "installed", *, host: bool = True) -> Path:
        place = tmp_path / directory
        place.mkdir(parents=True)
        script(place / "pulumi", f"#!/bin/sh\necho {version}\n")
        if host:
            script(place / "pulumi-language-python", "#!/bin/sh\n")
        return place / "pulumi"

    return one


def script(path: Path, text: str = "#!/bin/sh\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (f"v{versions.PULUMI}", True),
        (versions.PULUMI, True),
        (f"v{MAJOR}.{MINOR}.{PATCH + 1}", True),
        (f"v{MAJOR}.{MINOR + 9}.0", True),
        (f"v{MAJOR}.{MINOR + 1}.0-alpha.1751", True),
        (f"v{versions.PULUMI}+dirty", True),
        (f"v{versions.PULUMI}-dev.0", False),
        (f"v{MAJOR}.{MINOR - 1}.9", False),
        (f"v{MAJOR + 1}.0.0", False),
        (f"v{MAJOR - 1}.999.0", False),
        ("", False),
        ("pulumi: command failed", False),
    ],
)
class TestFits:
    def test_version(self, version: str, expected: bool) -> None:
        assert engine.fits(version) is expected

    def test_installed(self, install: Install, version: str, expected: bool) -> None:
        found = install(f"'{version}'")
        assert engine.installed(str(found.parent)) == (found if expected else None)


class TestInstalled:
    def test_the_first_that_fits_is_taken(self, install: Install) -> None:
        old, new = install("v3.1.0", "old"), install(f"v{versions.PULUMI}", "new")
        assert engine.installed(f"{old.parent}:/nowhere::{new.parent}") == new

    def test_one_without_the_python_host_is_passed_over(self, install: Install) -> None:
        found = install(f"v{versions.PULUMI}", host=False)
        assert engine.installed(str(found.parent)) is None

    def test_the_host_may_be_elsewhere_on_path(self, install: Install, tmp_path: Path) -> None:
        found = install(f"v{versions.PULUMI}", host=False)
        script(tmp_path / "hosts" / "pulumi-language-python")
        assert engine.installed(f"{found.parent}:{tmp_path / 'hosts'}") == found

    def test_a_symbolic_link_leads_to_the_host(self, install: Install, tmp_path: Path) -> None:
        found = install(f"v{versions.PULUMI}", "opt/pulumi")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "pulumi").symlink_to(found)
        assert engine.installed(str(tmp_path / "bin")) == tmp_path / "bin" / "pulumi"

    def test_our_own_is_not_an_installed_one(self, install: Install) -> None:
        ours = install(f"v{versions.PULUMI}", "cache/programs/engine-1/bin")
        assert engine.installed(str(ours.parent)) is None

    def test_one_that_fails_is_passed_over(self, install: Install) -> None:
        found = install(f"v{versions.PULUMI}")
        script(found, "#!/bin/sh\nexit 1\n")
        assert engine.installed(str(found.parent)) is None


def build_everything() -> None:
    for build in BUILDS:
        if build.group == "pulumi":
            for name in build.binaries:
                script(build.entry.bin / name)
            for one in build.scripts:
                script(build.entry.bin / Path(one.file).name)


class TestEnvironment:
    def test_an_installed_engine_may_fetch_its_plugins(self, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
        found = install(f"v{versions.PULUMI}")
        monkeypatch.setenv("PATH", f"/usr/bin:{found.parent}:/bin")
        assert engine.engine() == found
        assert engine.engine_environment() == {
            "PATH": f"{found.parent}:/usr/bin:/bin",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def test_the_built_engine_has_its_plugins_in_its_home(self) -> None:
        build_everything()
        found = engine.engine_environment()
        home = Path(found["PULUMI_HOME"])
        binaries = home.parent / "bin"
        assert found == {
            "PATH": f"{binaries}:/usr/bin:/bin",
            "PULUMI_HOME": str(home),
            "KAFKA_PLATFORM_AWS_PLUGIN": str(aws_plugin.STAND_IN),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        assert engine.engine() == binaries / "pulumi"
        assert sorted(path.name for path in binaries.iterdir()) == [
            "pulumi",
            "pulumi-language-python",
            "pulumi-language-python-exec",
            "pulumi-resource-pulumi-python",
        ]
        assert sorted(str(path.relative_to(home / "plugins")) for path in home.glob("plugins/*/*")) == [
            f"resource-aws-v{versions.PULUMI_AWS}/pulumi-resource-aws",
            f"resource-kafka-v{versions.PULUMI_KAFKA}/pulumi-resource-kafka",
            f"resource-kubernetes-v{versions.PULUMI_KUBERNETES}/pulumi-resource-kubernetes",
            f"resource-tls-v{versions.PULUMI_TLS}/pulumi-resource-tls",
        ]
        assert all(os.access(path, os.X_OK) for path in (*binaries.iterdir(), *home.glob("plugins/*/*")))

    def test_a_home_of_the_users_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        build_everything()
        monkeypatch.setenv("PULUMI_HOME", "/home/someone/.pulumi")
        found = engine.engine_environment()
        assert "PULUMI_HOME" not in found
        names = {path.name for directory in found["PATH"].split(":") for path in Path(directory).iterdir()}
        assert {"pulumi", "pulumi-resource-kubernetes", "pulumi-resource-kafka", "pulumi-resource-tls"} <= names

    def test_inside_our_own_environment_nothing_changes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        build_everything()
        first = engine.engine_environment()
        for name, value in first.items():
            monkeypatch.setenv(name, value)
        assert engine.engine_environment() == first

    def test_a_real_plugin_for_aws_goes_before_its_stand_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build_everything()
        script(tmp_path / "own" / "pulumi-resource-aws")
        monkeypatch.setenv("PATH", f"{aws_plugin.STAND_IN.parent}:/usr/bin:{tmp_path / 'own'}")
        assert aws_plugin.real() == tmp_path / "own" / "pulumi-resource-aws"
        assert aws_plugin.VARIABLE not in engine.engine_environment()
        monkeypatch.setenv("PATH", "/usr/bin")
        assert aws_plugin.real() is None
        monkeypatch.setenv("PULUMI_HOME", engine.engine_environment()["PULUMI_HOME"])
        assert aws_plugin.real() is None
        assert aws_plugin.VARIABLE in engine.engine_environment()
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
        assert str(aws_plugin.STAND_IN.parent) in engine.engine_environment()["PATH"].split(":")
        fetched = tmp_path / "home" / "plugins" / f"resource-aws-v{versions.PULUMI_AWS}" / "pulumi-resource-aws"
        script(fetched)
        assert aws_plugin.real() == fetched
        assert str(aws_plugin.STAND_IN.parent) not in engine.engine_environment()["PATH"].split(":")

    @pytest.mark.parametrize("absent", ["pulumi", "pulumi-resource-tls"])
    def test_what_is_missing_is_named(self, absent: str) -> None:
        build_everything()
        for directory in cache_root().glob(f"programs/{absent}-*/bin"):
            if (directory / absent).is_file():
                (directory / absent).unlink()
        with pytest.raises(Missing) as raised:
            engine.engine_environment()
        assert str(raised.value) == f"{absent} is not in the cache: run `python -m toolchain ensure pulumi`."
        assert not engine.ready()
