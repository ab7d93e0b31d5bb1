import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

import versions
from toolchain import go
from toolchain.builds import BUILDS, MODULES, Build
from toolchain.cache import VARIABLE, Missing
from toolchain.packages import UNPACKED
from toolchain.programs import NAMES, cni_plugins, program

BY_NAME = {build.name: build for build in BUILDS}


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    copy = tmp_path / "modules"
    shutil.copytree(MODULES, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schema.json"))
    return copy


def keys(modules: Path) -> dict[str, str]:
    return {build.name: build.key(modules) for build in BUILDS}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


class TestKey:
    def test_it_does_not_depend_on_where_the_sources_are(self, modules: Path) -> None:
        assert keys(modules) == keys(MODULES)

    @pytest.mark.parametrize(
        ("file", "builds"),
        [
            ("coredns/main.go", {"coredns"}),
            ("coredns/go.sum", {"coredns"}),
            ("provider-tls/shim/shim.go", {"pulumi-resource-tls"}),
            ("kubernetes/pause/main.go", {"lab-pause"}),
            ("kubernetes/provisioner/main.go", {"lab-provisioner"}),
            ("kubernetes/go.mod", {"kubernetes", "lab-pause", "lab-provisioner"}),
            # The language host's scripts are of the engine's release.
            ("pulumi/go.mod", {"pulumi", "pulumi-language-python"}),
        ],
    )
    def test_it_changes_with_a_file_of_the_build(self, modules: Path, file: str, builds: set[str]) -> None:
        before = keys(modules)
        with (modules / file).open("a") as source:
            source.write("\n// changed\n")
        assert changed(before, keys(modules)) == builds

    @pytest.mark.parametrize("file", ["coredns/README", "coredns/main_test.go", "provider-kubernetes/schema.json"])
    def test_it_does_not_change_with_another_file(self, modules: Path, file: str) -> None:
        before = keys(modules)
        (modules / file).write_text("package main\n")
        assert changed(before, keys(modules)) == set()

    def test_a_new_source_file_changes_it(self, modules: Path) -> None:
        before = keys(modules)
        (modules / "coredns" / "more.go").write_text("package main\n")
        assert changed(before, keys(modules)) == {"coredns"}

    def test_the_pinned_go_changes_all(self, modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = keys(modules)
        monkeypatch.setattr(versions, "GO", "9.9.9")
        assert changed(before, keys(modules)) == set(before)

    def test_flags_change_it(self) -> None:
        def build(value: str) -> Build:
            return Build(
                name="x",
                group="lab",
                module="coredns",
                binaries={"x": "."},
                linker={"main.version": value},
                seconds=1,
            )

        assert build("1").key() == build("1").key() != build("2").key()


class TestTable:
    def test_long_builds_start_first(self) -> None:
        assert [build.seconds for build in BUILDS] == sorted((build.seconds for build in BUILDS), reverse=True)

    def test_no_two_entries_make_a_program(self) -> None:
        made = [name for build in BUILDS for name in build.binaries]
        made += [name for package in UNPACKED for name in package.binaries]
        assert sorted(made) == list(NAMES)

    @pytest.mark.parametrize(
        "build", [build for build in BUILDS if len(build.binaries) > 1], ids=lambda build: build.name
    )
    def test_several_binaries_of_a_build_are_named_as_go_names_them(self, build: Build) -> None:
        assert {name: package.rsplit("/", 1)[1] for name, package in build.binaries.items()} == {
            name: name for name in build.binaries
        }

    @pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
    def test_every_source_pattern_finds_files(self, build: Build) -> None:
        for pattern in build.sources:
            if pattern != "*.go" or "." in build.binaries.values():
                assert list((MODULES / build.module).glob(pattern)), pattern


def pins(module: str) -> dict[str, str]:
    """The versions of a go.mod, what replaces them put in."""
    text = (MODULES / module / "go.mod").read_text()
    required = dict(re.findall(r"^(?:require )?\s*(\S+\.\S+) v(\S+)(?: // indirect)?$", text, re.MULTILINE))
    replaced = dict(re.findall(r"^(?:replace )?\s*(\S+)(?: v\S+)? => \S+ v(\S+)$", text, re.MULTILINE))
    return required | replaced


class TestVersions:
    @pytest.mark.parametrize(
        ("module", "path", "expected"),
        [
            ("pulumi", "github.com/pulumi/pulumi/pkg/v3", versions.PULUMI),
            ("pulumi", "github.com/pulumi/pulumi/sdk/v3", versions.PULUMI),
            ("language-python", "github.com/pulumi/pulumi/pkg/v3", versions.PULUMI_LANGUAGE_PYTHON),
            ("language-python", "github.com/pulumi/pulumi/sdk/v3", versions.PULUMI_LANGUAGE_PYTHON),
            ("kubernetes", "k8s.io/kubernetes", versions.KUBERNETES),
            ("coredns", "github.com/coredns/coredns", versions.COREDNS),
            ("bench-terraform", "github.com/hashicorp/terraform", versions.TERRAFORM),
            ("actionlint", "github.com/rhysd/actionlint", versions.ACTIONLINT),
        ],
    )
    def test_go_mod_agrees(self, module: str, path: str, expected: str) -> None:
        assert pins(module)[path] == expected

    def test_terraform_gets_the_release_of_the_provider_that_the_engine_s_plugin_serves(self) -> None:
        provider = "github.com/Mongey/terraform-provider-kafka"
        assert pins("bench-provider-kafka")[provider] == pins("provider-kafka")[provider]

    def test_staging_modules_are_of_the_kubernetes_release(self) -> None:
        release = "0." + versions.KUBERNETES.split(".", 1)[1]
        text = (MODULES / "kubernetes" / "go.mod").read_text()
        replaced = re.findall(r"^\s*(k8s\.io/\S+)(?: v\S+)? => \1 v(\S+)$", text, re.MULTILINE)
        assert len(replaced) > 20
        assert {number for _, number in replaced} == {release}

    @pytest.mark.parametrize(
        ("package", "expected"),
        [
            ("pulumi", versions.PULUMI),
            ("pulumi-kubernetes", versions.PULUMI_KUBERNETES),
            ("pulumi-kafka", versions.PULUMI_KAFKA),
            ("pulumi-tls", versions.PULUMI_TLS),
        ],
    )
    def test_python_packages_agree(self, package: str, expected: str) -> None:
        assert version(package) == expected

    def test_the_go_we_fetch_can_build_every_module(self) -> None:
        fetched = go.release(versions.GO)
        assert fetched is not None
        assert fetched >= go.needed()


class TestGo:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("go1.26.8", (1, 26, 8)),
            ("1.25.11", (1, 25, 11)),
            ("go1.26", (1, 26, 0)),
            ("go1.26.8 X:nodwarf5", (1, 26, 8)),
            ("go1.27rc1", None),
            ("devel go1.27-5a1c2f", None),
            ("", None),
        ],
    )
    def test_release(self, text: str, expected: go.Release | None) -> None:
        assert go.release(text) == expected

    def test_needed_is_the_newest_of_all_modules(self, tmp_path: Path) -> None:
        for module, asked in {"a": "1.25.9", "b": "1.25.11", "c": "1.24.0"}.items():
            (tmp_path / module).mkdir()
            (tmp_path / module / "go.mod").write_text(f"module {module}\n\ngo {asked}\n")
        assert go.needed(tmp_path) == (1, 25, 11)

    def test_builds_are_not_swayed_by_the_users_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"GOFLAGS": "-mod=mod", "GOOS": "plan9", "CGO_ENABLED": "1", "GOTOOLCHAIN": "auto"}.items():
            monkeypatch.setenv(name, value)
        found = go.environment()
        assert "GOOS" not in found
        assert (found["GOFLAGS"], found["CGO_ENABLED"], found["GOTOOLCHAIN"]) == (
            "-mod=readonly -trimpath -buildvcs=false",
            "0",
            "local",
        )

    def test_proxy_and_checksum_settings_are_the_users(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GOPROXY", "direct")
        monkeypatch.setenv("GONOSUMDB", "example.org/*")
        assert go.environment()["GOPROXY"] == "direct"
        assert go.environment()["GONOSUMDB"] == "example.org/*"
        assert go.environment(["github.com/pulumi/*"])["GONOSUMDB"] == "example.org/*,github.com/pulumi/*"

    @pytest.mark.parametrize(("gibibytes", "theirs", "found"), [(24, None, "400"), (8, None, None), (24, "50", "50")])
    def test_compilers_collect_garbage_seldom_where_there_is_room(
        self, monkeypatch: pytest.MonkeyPatch, gibibytes: int, theirs: str | None, found: str | None
    ) -> None:
        monkeypatch.setattr(go, "memory", lambda: gibibytes * 2**30)
        monkeypatch.delenv("GOGC", raising=False)
        if theirs:
            monkeypatch.setenv("GOGC", theirs)
        assert go.environment().get("GOGC") == found


class TestProgram:
    @pytest.fixture(autouse=True)
    def empty_cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))

    def put(self, name: str, entry_path: Path) -> Path:
        path = entry_path / "bin" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(name))
        return path

    def test_a_built_program(self) -> None:
        path = self.put("coredns", BY_NAME["coredns"].entry.path)
        assert program("coredns") == path

    def test_an_unpacked_program(self) -> None:
        package = next(package for package in UNPACKED if package.name == "etcd-server")
        path = self.put("etcd", package.entry.path)
        assert program("etcd") == path

    @pytest.mark.parametrize(("name", "group"), [("kubelet", "lab"), ("containerd", "lab"), ("pulumi", "pulumi")])
    def test_a_missing_program(self, name: str, group: str) -> None:
        with pytest.raises(Missing) as raised:
            program(name)
        assert str(raised.value) == f"{name} is not in the cache: run `python -m toolchain ensure {group}`."

    def test_network_plugins_are_in_one_directory(self) -> None:
        package = next(package for package in UNPACKED if package.name == "containernetworking-plugins")
        path = self.put("bridge", package.entry.path)
        assert cni_plugins() == path.parent

    def test_an_unknown_program_is_a_mistake(self) -> None:
        with pytest.raises(KeyError):
            program("minikube")
