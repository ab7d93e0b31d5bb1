"""Derived passwords."""

import base64
import string

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as some

from manifests.credential import derive_password, owner_id

MASTER = "correct horse battery staple, and more of it"
USERS = some.text(some.characters(exclude_characters="\0", codec="utf-8"), min_size=1)


@given(master=some.text(some.characters(codec="utf-8"), min_size=1), user=USERS, generation=some.integers(1, 10**6))
def test_it_is_hkdf_of_rfc_5869(master: str, user: str, generation: int) -> None:
    info = f"scram/v1\0{user}\0{generation}".encode()
    key = HKDF(SHA256(), length=30, salt=b"kafka-platform", info=info).derive(master.encode())
    assert derive_password(master, user, generation) == base64.urlsafe_b64encode(key).decode()


def test_it_never_changes() -> None:
    """A change of the derivation would lock every client out at once."""
    assert derive_password(MASTER, "auth-service", 1) == "Cs3Vdjm3_nUjQMI8i5y_I4nqsW27d1209vGquLv5"


@given(users=some.tuples(USERS, USERS), generations=some.tuples(some.integers(1, 99), some.integers(1, 99)))
def test_user_and_generation_decide(users: tuple[str, str], generations: tuple[int, int]) -> None:
    one, other = zip(users, generations, strict=True)
    assert (derive_password(MASTER, *one) == derive_password(MASTER, *other)) == (one == other)


def test_another_master_secret_is_another_password() -> None:
    assert derive_password(MASTER, "admin", 1) != derive_password(MASTER + ".", "admin", 1)


def test_an_owner_is_told_from_others_and_is_no_password() -> None:
    assert owner_id(MASTER, "dev") == owner_id(MASTER, "dev")
    assert len({owner_id(MASTER, "dev"), owner_id(MASTER, "prod"), owner_id(MASTER + ".", "dev")}) == 3
    assert not derive_password(MASTER, "dev", 1).startswith(owner_id(MASTER, "dev"))


@given(user=USERS)
def test_it_is_plain_text_everywhere(user: str) -> None:
    password = derive_password(MASTER, user, 1)
    assert len(password) == 40
    assert set(password) <= set(string.ascii_letters + string.digits + "-_")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "admin", 1), "the master secret is empty; nothing secret can be derived from it"),
        ((MASTER, "", 1), "user '' is refused: a user has at least one character and none is null"),
        ((MASTER, "a\0b", 1), r"user 'a\x00b' is refused: a user has at least one character and none is null"),
        ((MASTER, "admin", 0), "generation 0 of admin is refused: the first generation is 1"),
    ],
)
def test_refusals(arguments: tuple[str, str, int], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        derive_password(*arguments)
    assert str(caught.value) == message
