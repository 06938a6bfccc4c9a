"""Tests of the passwords, logins and scripts of the database roles."""

import base64
import hmac
import re
from typing import Any

import pulumi

from components.kubernetes.database_roles import RETIRE, login, salt, scram_verifier, script, verifiers
from tests.support.components.fixtures import Recorder, evaluate


def test_the_verifier_is_that_of_rfc_7677() -> None:
    """Use the example in RFC 7677, section 3: the verifier's last part yields the server's signature."""
    verifier = scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    scheme, rounds_and_salt, keys = verifier.split("$")
    assert (scheme, rounds_and_salt) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    messages = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    server_key = base64.b64decode(keys.split(":")[1])
    proof = base64.b64encode(hmac.digest(server_key, messages.encode(), "sha256"))
    assert proof == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_a_salt_is_constant_and_unique_for_role_and_password() -> None:
    assert salt("app", "one") == salt("app", "one")
    assert len({salt("app", "one"), salt("backup", "one"), salt("app", "two")}) == 3


def test_a_password_file_contains_a_secret_verifier(recorder: Recorder) -> None:
    contents: list[str] = []
    secret: list[bool] = []

    def program() -> Any:
        files = verifiers({"app": pulumi.Output.secret("app-secret")})
        files["app"].apply(contents.append)
        return pulumi.Output.from_input(files["app"].is_secret()).apply(secret.append)

    evaluate(program)
    assert contents == [scram_verifier("app-secret", salt("app", "app-secret"))]
    assert secret == [True]


def test_the_script_gives_the_api_no_right_to_change_the_schema() -> None:
    statements = [line for line in script().splitlines() if "TO app" in line or "TO migrate" in line]
    assert statements
    assert [line for line in statements if "CREATE" in line] == [
        "GRANT USAGE, CREATE ON SCHEMA public TO migrate;"
    ]
    assert not [line for line in statements if "TRUNCATE" in line or " ALL " in line]


def test_a_login_has_a_public_name_that_depends_on_role_and_password(recorder: Recorder) -> None:
    seen: list[Any] = []

    def program() -> Any:
        for password in ("one", "one", "two"):
            login("app", pulumi.Output.secret(password)).apply(seen.append)
        return pulumi.Output.from_input(login("app", pulumi.Output.secret("x")).is_secret()).apply(
            seen.append
        )

    evaluate(program)
    names = [name for name in seen if name is not False]
    assert len(names) == 3 and len(set(names)) == 2
    assert all(re.fullmatch("app_[0-9a-f]{8}", name) for name in names)
    assert False in seen


def test_only_logins_of_former_passwords_are_dropped() -> None:
    assert "DROP" not in script().upper()
    assert [line for line in script(RETIRE).splitlines() if "DROP" in line] == [
        "SELECT format('DROP ROLE %I', name) FROM former"
    ]
