"""``nginx.conf`` of the proxy before each registry process: TLS, passwords, permissions, one API for both programs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from config.literals import ADMIN_USER, SCHEMA_REGISTRY_PORT, RegistryImplementation
from manifests import schema_registry_paths as paths
from manifests.schema_registry_access import RegistryUser
from manifests.unsafe import UnsafeManifest

READY: Final = "/-/ready"
"""Path that answers 200 while the process serves requests; nobody needs to log in for it."""
LIVE: Final = "/-/live"
"""Path that answers 200 while the process is worth keeping."""
PREFIX: Final = {RegistryImplementation.CONFLUENT: "", RegistryImplementation.APICURIO: "/apis/ccompat/v7"}
"""Where the program has Confluent's API."""
_PROBES: Final = {
    RegistryImplementation.CONFLUENT: {READY: "/config", LIVE: "/schemas/types"},
    RegistryImplementation.APICURIO: {READY: "/health/ready", LIVE: "/health/live"},
}
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One of the registry's pods."""

    number: int
    host: str
    """Name that leads to this pod alone, from other pods."""

    @property
    def port(self) -> int:
        """Port of its process on the pod's loopback, the same number nowhere else."""
        return paths.FIRST_PROCESS_PORT + self.number


def proxy_config(
    implementation: RegistryImplementation,
    users: Sequence[RegistryUser],
    replica: Replica,
    others: Sequence[Replica] = (),
) -> str:
    """Return the whole configuration of one replica's proxy. It holds no secret.

    Everyone who logs in may read. A path outside of Confluent's API leads nowhere, but for schemas by their ids in
    Apicurio's own, which its converters for Kafka Connect read. What was decided about is what is passed on: the
    decoded, normalised path, in characters that no program reads in another way. Of ``others``, Confluent's replicas,
    one is the leader, which writes; the process reaches each on the loopback port that it has in its own pod, and the
    proxy takes that to the other's proxy, over TLS and with the client's own password. Raises UnsafeManifest for a user
    or subject that the permissions couldn't tell from another.
    """
    return "\n".join(
        [
            *_process(),
            "http {",
            *_logging(),
            *_permissions(users),
            f"    upstream registry {{ server 127.0.0.1:{replica.port}; keepalive 16; }}",
            "    server {",
            f"        listen {SCHEMA_REGISTRY_PORT} ssl;",
            f"        ssl_certificate {paths.CERTIFICATE};",
            f"        ssl_certificate_key {paths.PRIVATE_KEY};",
            "        ssl_protocols TLSv1.2 TLSv1.3;",
            "        ssl_session_cache shared:tls:1m;",
            "        ssl_session_tickets off;",
            "        # Plain HTTP on the TLS port: hang up, as a broker does.",
            "        error_page 497 @plain;",
            "        location @plain { return 444; }",
            '        auth_basic "schema registry";',
            f"        auth_basic_user_file {paths.PASSWORDS};",
            "        auth_request /-/may;",
            "        error_page 401 @unknown_user;",
            "        error_page 403 @forbidden;",
            "        location @unknown_user {",
            "            auth_basic off;",
            "            auth_request off;",
            """            return 401 '{"error_code":40101,"message":"log in with a service and its password"}';""",
            "        }",
            "        location @forbidden {",
            "            auth_basic off;",
            "            auth_request off;",
            """            return 403 '{"error_code":40301,"message":"$remote_user may not $request_method $path; """
            """services register the value subjects of topics they produce"}';""",
            "        }",
            "        location = /-/may {",
            "            internal;",
            "            if ($may = 0) { return 403; }",
            "            return 204;",
            "        }",
            *(
                line
                for path, target in _PROBES[implementation].items()
                for line in _probe(path, _target(implementation, target))
            ),
            r"        location ~ ^/(subjects|schemas|config|mode|compatibility|contexts)(/[A-Za-z0-9._:-]+)*/?$ {",
            "            set $path $uri;",
            f"            rewrite ^ {PREFIX[implementation]}$uri break;",
            "            proxy_pass http://registry;",
            *_forwarded(implementation),
            "        }",
            *_native_reads(implementation),
            "        location / { set $path $uri; root /nonexistent; }",
            "    }",
            *(line for other in others for line in _towards(other)),
            "}",
            "",
        ]
    )


def _process() -> list[str]:
    return [
        "daemon off;",
        "worker_processes 1;",
        f"pid {paths.TEMPORARY}/nginx.pid;",
        "error_log stderr warn;",
        "events { worker_connections 1024; }",
    ]


def _logging() -> list[str]:
    """Return the http block's general part: log writes and refusals, keep temporary files where there is room."""
    return [
        "    server_tokens off;",
        "    default_type application/vnd.schemaregistry.v1+json;",
        *(
            f"    {module}_temp_path {paths.TEMPORARY}/{module};"
            for module in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
        "    log_format audit '$time_iso8601 $remote_addr $remote_user \"$request_method $request_uri\" $status';",
        "    map $request_method:$status $noteworthy { ~^(GET|HEAD):[23] 0; default 1; }",
        "    access_log /dev/stdout audit if=$noteworthy;",
        "    # A record of the registry's topic has 1 MiB at most.",
        "    client_max_body_size 1m;",
        "    client_body_buffer_size 64k;",
        "    keepalive_timeout 75s;",
    ]


def _permissions(users: Sequence[RegistryUser]) -> list[str]:
    """Return who may do what, as a map from user, method and path; the path is decoded and normalised."""
    rules = [
        '        "~^[^ ]+ (GET|HEAD) " 1;',
        "        # Looking a schema up, and asking whether one would fit, change nothing.",
        '        "~^[^ ]+ POST /subjects/[^/]+$" 1;',
        '        "~^[^ ]+ POST /compatibility/" 1;',
    ]
    for user in sorted(users, key=lambda one: one.name):
        if not _NAME.fullmatch(user.name) or user.name == ADMIN_USER:
            raise UnsafeManifest(f"user {user.name!r} of the schema registry must be a service's id")
        for subject in (*user.subjects, *user.prefixes):
            if not _SUBJECT.fullmatch(subject):
                raise UnsafeManifest(f"subject {subject!r} of {user.name} must be of the characters a-z A-Z 0-9 . _ -")
        if user.subjects:
            subjects = "|".join(re.escape(subject) for subject in user.subjects)
            rules.append(f'        "~^{user.name} POST /subjects/({subjects})/versions$" 1;')
        if user.prefixes:
            prefixes = "|".join(re.escape(prefix) for prefix in user.prefixes)
            within = f"({prefixes})[A-Za-z0-9._-]*-(key|value)"
            rules.append(f'        "~^{user.name} POST /subjects/{within}/versions$" 1;')
    return [
        '    map "$remote_user $request_method $path" $may {',
        "        default 0;",
        f'        "~^{ADMIN_USER} " 1;',
        *rules,
        "    }",
    ]


def _target(implementation: RegistryImplementation, path: str) -> str:
    return path if implementation is RegistryImplementation.APICURIO else PREFIX[implementation] + path


def _probe(path: str, target: str) -> list[str]:
    return [
        f"        location = {path} {{",
        "            auth_basic off;",
        "            auth_request off;",
        "            limit_except GET { deny all; }",
        "            access_log off;",
        f"            rewrite ^ {target} break;",
        "            proxy_pass http://registry;",
        "            proxy_http_version 1.1;",
        '            proxy_set_header Connection "";',
        "            proxy_hide_header Content-Type;",
        "        }",
    ]


def _forwarded(implementation: RegistryImplementation) -> list[str]:
    """Return how a permitted request goes to the process.

    Confluent's follower hands the password on to the leader's proxy; to Apicurio it means nothing.
    """
    lines = [
        "            proxy_http_version 1.1;",
        '            proxy_set_header Connection "";',
        "            proxy_set_header Host 127.0.0.1;",
        "            # A request that was sent is never sent again: it may have been a write.",
        "            proxy_next_upstream off;",
        "            proxy_connect_timeout 2s;",
        "            proxy_read_timeout 60s;",
    ]
    if implementation is not RegistryImplementation.CONFLUENT:
        lines.append('            proxy_set_header Authorization "";')
    return lines


def _native_reads(implementation: RegistryImplementation) -> list[str]:
    """Return what Apicurio's own converters read besides: a schema by the id in a record, and what it refers to."""
    if implementation is not RegistryImplementation.APICURIO:
        return []
    ids = "ids/(contentIds|globalIds)/[0-9]+"
    versions = "groups/default/artifacts/[A-Za-z0-9._-]+/versions/[0-9]+"
    return [
        f"        location ~ ^/apis/registry/v2/({ids}|{versions})(/references)?$ {{",
        "            set $path $uri;",
        "            limit_except GET { deny all; }",
        "            proxy_pass http://registry;",
        *_forwarded(implementation),
        "        }",
    ]


def _towards(other: Replica) -> list[str]:
    return [
        "    server {",
        f"        listen 127.0.0.1:{other.port};",
        "        location / {",
        f"            proxy_pass https://{other.host}:{SCHEMA_REGISTRY_PORT};",
        "            proxy_ssl_verify on;",
        f"            proxy_ssl_trusted_certificate {paths.CLUSTER_CA};",
        f"            proxy_ssl_name {other.host};",
        "            proxy_ssl_server_name on;",
        "            proxy_ssl_protocols TLSv1.2 TLSv1.3;",
        "            proxy_http_version 1.1;",
        '            proxy_set_header Connection "";',
        f"            proxy_set_header Host {other.host};",
        "            proxy_next_upstream off;",
        "            proxy_connect_timeout 2s;",
        "            proxy_read_timeout 60s;",
        "        }",
        "    }",
    ]
