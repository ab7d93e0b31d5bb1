"""A probe goes into a store and out again, or one sentence says why it doesn't."""

import json
import os
import ssl
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server

from config.backup import BackupSpec
from ops.failure import Failure
from ops.probe import SIZE, DirectoryStore, S3Store, open_store, probe
from ops.throwaway_pki import Throwaway
from tests.e2e.harness import Finished, ops

pytestmark = pytest.mark.programs

BUCKET = "backups"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")


@pytest.fixture
def store(url: str, credentials: None) -> Iterator[Any]:
    assert credentials is None
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    for version in client.list_object_versions(Bucket=BUCKET).get("Versions", ()):
        client.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def secured(store: Any, tmp_path: Path) -> Iterator[tuple[str, Throwaway]]:
    """The same buckets by TLS."""
    assert store
    pki = Throwaway.make("127.0.0.1")
    files = [tmp_path / name for name in ("cert.pem", "key.pem")]
    for file, text in zip(files, (pki.certificate_pem, pki.key_pem), strict=True):
        file.write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, files))
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}", pki
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def endpoint(url: str, **changes: Any) -> BackupSpec:
    return BackupSpec.model_validate({"kind": "endpoint", "endpoint": {"url": url, "bucket": BUCKET, **changes}})


def directory(path: Path) -> BackupSpec:
    return BackupSpec.model_validate({"kind": "directory", "directory": {"path": str(path)}})


def refusal(spec: BackupSpec) -> str:
    with pytest.raises(Failure) as caught, open_store(spec) as opened:
        probe(opened, spec.prefix)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@dataclass
class Forgetful:
    """A store that gives back something else, or nothing."""

    answer: bytes | None
    location: str = "the store"
    keys: list[str] = field(default_factory=list)

    def put(self, key: str, content: bytes) -> None:
        assert len(content) == SIZE
        self.keys.append(key)

    def get(self, key: str) -> bytes:
        assert key in self.keys
        if self.answer is None:
            raise Failure("it is gone")
        return self.answer

    def delete(self, key: str) -> None:
        self.keys.remove(key)


def test_an_endpoint_takes_a_probe_and_keeps_nothing(url: str, store: Any) -> None:
    seen: list[tuple[str, str]] = []

    @dataclass(frozen=True)
    class Watched(S3Store):
        def put(self, key: str, content: bytes) -> None:
            super().put(key, content)
            found = store.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            seen.append((key.rpartition("/")[0], "same" if found == content else "other"))

    with open_store(endpoint(url)) as opened:
        assert isinstance(opened, S3Store)
        assert probe(Watched(opened.client, BUCKET, opened.location), "kafka") == SIZE
    assert seen == [("kafka/.probe", "same")]
    assert "Contents" not in store.list_objects_v2(Bucket=BUCKET)


def test_a_certificate_of_an_authority_of_ones_own_is_verified(secured: tuple[str, Throwaway]) -> None:
    url, pki = secured
    with open_store(endpoint(url, ca_pem=pki.ca_pem)) as opened:
        assert probe(opened, "kafka") == SIZE
    said = (
        f"{url}/backups can't be written to: its certificate can't be verified; "
        "set backup.endpoint.ca_pem to its authority's certificate"
    )
    assert refusal(endpoint(url)) == said
    assert refusal(endpoint(url, ca_pem=Throwaway.make("127.0.0.1").ca_pem)) == said


def test_a_put_names_the_key_where_one_is_asked_for(url: str, store: Any) -> None:
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:111122223333:key/home"}
    with open_store(endpoint(url)) as opened:
        assert isinstance(opened, S3Store)
        S3Store(opened.client, BUCKET, opened.location, encryption).put("x", b"")
    head = store.head_object(Bucket=BUCKET, Key="x")
    assert {key: head[key] for key in encryption} == encryption


def test_a_bucket_of_our_own_is_addressed_with_its_key(credentials: None) -> None:
    assert credentials is None
    s3 = {
        "bucket": "pyairtable-backups",
        "region": "eu-central-1",
        "account": "111122223333",
        "oidc_provider_arn": "arn:aws:iam::111122223333:oidc-provider/oidc.example.org/id/A",
    }
    spec = BackupSpec.model_validate({"kind": "s3", "s3": s3})
    with open_store(spec, "the key") as opened:
        assert isinstance(opened, S3Store)
        assert opened.client.meta.region_name == "eu-central-1"
        assert opened.encryption == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "the key"}


def test_a_missing_bucket_is_said(url: str, credentials: None) -> None:
    assert credentials is None
    assert refusal(endpoint(url, bucket="others")) == (
        f"{url}/others can't be written to: NoSuchBucket; make it, or correct the bucket's name in the backup section"
    )


def test_a_store_that_is_away_is_said(credentials: None) -> None:
    assert credentials is None
    assert refusal(endpoint("http://127.0.0.1:9")) == (
        "http://127.0.0.1:9/backups can't be written to: it doesn't answer (EndpointConnectionError); "
        "check its address and the way there"
    )


def test_missing_credentials_are_said(url: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert credentials is None
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refusal(endpoint(url)) == (
        f"{url}/backups can't be written to: there are no credentials; "
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    )


def test_a_directory_takes_a_probe_and_keeps_nothing(tmp_path: Path) -> None:
    spec = directory(tmp_path)
    with open_store(spec) as opened:
        assert probe(opened, spec.prefix) == SIZE
    assert list(tmp_path.iterdir()) == []


def test_what_else_is_in_a_directory_stays(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "backup").write_text("of yesterday")
    with open_store(directory(tmp_path)) as opened:
        probe(opened, "kafka")
    assert [file.name for file in tmp_path.rglob("*")] == ["kafka", "backup"]


def test_a_missing_directory_is_said_and_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "mount"
    assert refusal(directory(missing)) == f"{missing} is no directory; make it, or mount what backups are kept on"
    assert not missing.exists()


def test_a_directory_that_refuses_is_said(tmp_path: Path) -> None:
    # A file where the folder should be: permissions don't stop root.
    (tmp_path / "kafka").write_text("")
    assert refusal(directory(tmp_path)) == (
        f"{tmp_path} can't be written to: Not a directory; check its permissions, and that it is mounted"
    )


def test_a_file_is_the_owners_alone(tmp_path: Path) -> None:
    DirectoryStore(tmp_path).put("kafka/x", b"x")
    assert stat.S_IMODE((tmp_path / "kafka" / "x").stat().st_mode) & 0o077 == 0


def test_other_bytes_are_said_and_removed() -> None:
    store = Forgetful(b"other")
    with pytest.raises(Failure) as caught:
        probe(store, "kafka")
    assert str(caught.value) == (
        "the store gave back 5 bytes that aren't the 4096 that were put; don't keep backups there"
    )
    assert store.keys == []


def test_a_probe_that_cant_be_read_is_removed() -> None:
    store = Forgetful(None)
    with pytest.raises(Failure, match="it is gone"):
        probe(store, "kafka")
    assert store.keys == []


def probed(overlay: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> Finished:
    """``ops probe`` of a dev stack with this on top."""
    file = tmp_path / "overlay.json"
    file.write_text(json.dumps(overlay))
    monkeypatch.setenv("PLATFORM_OVERLAY", str(file))
    return ops("probe", *options, check=False)


def test_a_stack_s_backups_go_in_and_out_by_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    backup = {"kind": "directory", "prefix": "kafka", "directory": {"path": str(place)}}
    done = probed({"backup": backup}, tmp_path, monkeypatch, "--json")
    assert (done.code, json.loads(done.out)) == (0, {"location": f"file://{place}/kafka", "bytes": SIZE})
    assert list(place.iterdir()) == []
    place.rmdir()
    done = probed({"backup": backup}, tmp_path, monkeypatch)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"error: {place} is no directory; make it, or mount what backups are kept on\n"


def test_a_stack_without_backups_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = probed({}, tmp_path, monkeypatch)
    assert done.code == 1
    assert done.err == "error: stack dev keeps no backups; add a backup section to Pulumi.dev.yaml\n"
