"""What a service that uses ksqlDB is given."""


def ksqldb_client_secret(url: str, user: str, password: str, ca_pem: str) -> dict[str, str]:
    """Return all keys of a service's Secret: variables for ``envFrom``, and the authority as a file; it is secret."""
    return {
        "KSQLDB_URL": url,
        "KSQLDB_USERNAME": user,
        "KSQLDB_PASSWORD": password,
        "KSQLDB_SSL_CA": ca_pem,
        "ca.pem": ca_pem,
    }
