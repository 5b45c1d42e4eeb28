"""What the judge takes for a credential (C-15), and what it does not; none of these opens anything."""

import io
import tarfile
from collections.abc import Mapping

import pytest

from local_test.verify.checks.credentials import of_a_file, of_the_configuration
from local_test.verify.layers import File, of_a_container, of_all_layers

KEY = "AKIA" + "7FLUNCHBOX123456"
SECRET = "aws_secret_access_key = " + "lunch/box+" * 4
PEM = "-----BEGIN {}KEY-----\n" + "bHVuY2ggYm94IA==" * 8 + "\n-----END {}KEY-----\n"
PRIVATE, PUBLIC = PEM.replace("{}", "PRIVATE "), PEM.replace("{}", "PUBLIC ")
TOKEN = "ghp_" + "a1B2c3" * 6


def held(path: str, text: str) -> str:
    return of_a_file(File(path, len(text), io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        ("root/.aws/credentials", "[default]\n", "AWS's credentials file in /root/.aws/credentials"),
        ("home/chef/.aws/config", f"[default]\n{SECRET}\n", "an AWS key in /home/chef/.aws/config"),
        ("root/.docker/config.json", '{"auths": {"a": {"auth": "bHVuY2g="}}}', "a registry's password"),
        ("root/.netrc", "machine a login b password c\n", "a password in /root/.netrc"),
        ("etc/pip.conf", "index-url = https://chef:lunch@a/simple\n", "a URL with a password in /etc/pip.conf"),
        ("root/.ssh/id_ed25519", PRIVATE.replace("PRIVATE", "OPENSSH PRIVATE"), "a private key"),
        ("etc/tls/server.key", PRIVATE, "a private key in /etc/tls/server.key"),
        ("opt/program/.env", "DB_PASSWORD=lunchbox\n", "a secret in /opt/program/.env"),
        ("opt/program/settings.py", f"KEY = '{KEY}'\n", "a key in /opt/program/settings.py"),
        ("app/run.sh", f"export TOKEN={TOKEN}\n", "a key in /app/run.sh"),
        ("srv/notes.txt", PRIVATE, "a private key in /srv/notes.txt"),
        ("usr/src/app/settings.ini", SECRET, "a key in /usr/src/app/settings.ini"),
    ],
)
def test_a_file_with_a_credential_is_named_without_it(path: str, text: str, what: str) -> None:
    found = held(path, text)
    assert found.startswith(what)
    assert not any(secret in found for secret in (KEY, TOKEN, "lunch/box", "lunch@", "lunchbox"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("root/.docker/config.json", '{"auths": {}}'),
        ("root/.netrc", "machine a\n"),
        ("etc/pip.conf", "index-url = https://packages.example/simple\n"),
        ("etc/pip.conf", "index-url = https://chef:${PASSWORD}@packages.example/simple\n"),
        ("etc/ssl/certs/ca-certificates.crt", PEM.replace("{}", "CERTIFICATE ")),
        ("opt/venv/lib/python3.13/site-packages/certifi/cacert.pem", PEM.replace("{}", "")),
        ("opt/venv/lib/python3.13/site-packages/tornado/test/test.key", PRIVATE),
        ("etc/ssl/private/ssl-cert-snakeoil.key", PRIVATE),
        ("etc/tls/public.pem", PUBLIC),
        ("opt/program/.env", "DB_PASSWORD=\nTOKEN=$GIVEN\nSECRET=/run/secrets/one\n"),
        ("opt/program/docs.md", "AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"),
        ("opt/program/parse.py", 'HEAD = "-----BEGIN PRIVATE KEY-----"\n'),
        ("usr/lib/R/library/aws/demo.R", f"key <- '{KEY}'\n"),
    ],
)
def test_what_is_none_is_not_called_one(path: str, text: str) -> None:
    assert held(path, text) == ""


def test_a_long_file_is_not_read() -> None:
    assert held("opt/program/data.csv", KEY + " " * 300_000) == ""


@pytest.mark.parametrize(
    ("config", "history", "found"),
    [
        ({"Env": ["AWS_SECRET_ACCESS_KEY=x1y2"]}, [], ["ENV AWS_SECRET_ACCESS_KEY"]),
        ({"Env": ["HF_TOKEN=lunch", "DB_PASSWORD=lunch"]}, [], ["ENV HF_TOKEN", "ENV DB_PASSWORD"]),
        ({"Env": ["PIP_INDEX_URL=https://chef:lunch@a/simple"]}, [], ["ENV PIP_INDEX_URL"]),
        ({"Labels": {"key": KEY}}, [], ["LABEL key"]),
        ({}, [f"RUN aws configure set a {KEY}"], ["a line of the history, 'RUN aws configure set a …'"]),
        ({}, ["|1 INDEX_PASSWORD=lunch /bin/sh -c make"], ["a line of the history, '|1 … /bin/sh -c make'"]),
        (
            {"Env": ["PATH=/bin", "TOKENIZERS_PARALLELISM=false", "API_KEY=", "TOKEN=/run/token", "GPG_KEY=A035C8C1"]},
            ["RUN --mount=type=secret,id=a TOKEN=$(cat /run/secrets/a) make", 'RUN test -n "$PASSWORD"'],
            [],
        ),
    ],
)
def test_a_configuration(config: Mapping[str, object], history: list[str], found: list[str]) -> None:
    assert list(of_the_configuration(config, history)) == found


def packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def chunks(data: bytes) -> list[bytes]:
    return [data[at : at + 700] for at in range(0, len(data), 700)]


def test_all_layers_are_read_with_what_a_later_one_removed() -> None:
    first, second = packed({"./opt/key.pem": b"first"}), packed({"opt/.wh.key.pem": b"", "opt/more": b"m" * 2000})
    saved = packed({"a/layer.tar": first, "a/VERSION": b"1.0", "config.json": b"{" + b" " * 900, "b/layer.tar": second})
    seen = [(file.path, file.size, file.read(5)) for file in of_all_layers(chunks(saved))]
    assert seen == [("opt/key.pem", 5, b"first"), ("opt/.wh.key.pem", 0, b""), ("opt/more", 2000, b"mmmmm")]


def test_a_containers_files_are_read_too() -> None:
    exported = packed({"opt/a": b"1" * 3000, "opt/b": b"22"})
    assert [(file.path, file.read(2)) for file in of_a_container(chunks(exported))] == [
        ("opt/a", b"11"),
        ("opt/b", b"22"),
    ]
