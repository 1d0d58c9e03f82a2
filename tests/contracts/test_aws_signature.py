"""Requests to Bedrock are signed as AWS documents it (AWS IAM User Guide, Signature Version 4), over real HTTP."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.contracts.recording import ENVIRONMENT, SECRET, Received, house, recording

from headgate.bootstrap.config.loading import parse
from headgate.bootstrap.config.mistakes import ConfigurationRefused

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc"
KEYS = 'access_key: {id: "${env:ID}", secret: "${env:KEY}"}'
MESSAGE = {"model": "m", "max_tokens": 40, "messages": [{"role": "user", "content": "Hé"}]}


def hashed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(received: Received, secret: str) -> str:
    """The signature that AWS computes of a request as it came: the five steps of its documents, written out."""
    _, _, fields = received.fields["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in fields.split(","))
    date, region, service, kind = parts["Credential"].split("/")[1:]
    path, _, query = received.target.partition("?")
    headers = {name: " ".join(value.split()) for name, value in received.headers}
    canonical = "\n".join(
        [
            received.method,
            quote(path, safe="/-_.~"),
            query,
            *(f"{name}:{headers[name]}" for name in parts["SignedHeaders"].split(";")),
            "",
            parts["SignedHeaders"],
            hashlib.sha256(received.body).hexdigest(),
        ]
    )
    scope = f"{date}/{region}/{service}/{kind}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, kind):
        key = hashed(key, part)
    to_sign = f"AWS4-HMAC-SHA256\n{received.fields['x-amz-date']}\n{scope}\n{digest}"
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


async def asked(settings: str, model_id: str = CLAUDE, *, stream: bool = False) -> Received:
    """What a provider of kind bedrock gets for a message."""
    async with recording() as recorder:
        provider = f'{{kind: bedrock, region: eu-central-1, base_url: "{recorder.url}", {settings}}}'
        async with house(provider.replace(", }", "}"), model_id=model_id) as small:
            response = await small.call("POST", "/v1/messages", {**MESSAGE, "stream": stream})
            assert response.status == 200, response.body
    [received] = recorder.received
    return received


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model_id", [CLAUDE, "amazon.nova-lite-v1:0", ARN])
async def test_a_signature_is_the_one_that_aws_computes(model_id: str, stream: bool) -> None:
    received = await asked(KEYS, model_id, stream=stream)
    authorization = received.fields["authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date," in authorization
    assert authorization.endswith(f"Signature={signature(received, SECRET)}")
    assert SECRET not in str(received)


def test_the_steps_above_are_those_of_aws_own_example() -> None:
    """The first published test case, `get-vanilla` (AWS Signature Version 4 test suite)."""
    fields = [
        ("host", "example.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature=",
        ),
    ]
    example = Received("GET", "/", fields, b"")
    expected = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    assert signature(example, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY") == expected


@pytest.mark.parametrize(
    ("model_id", "path"),
    [
        (CLAUDE, "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"),
        ("eu." + CLAUDE, "/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"),
        ("amazon.nova-lite-v1:0", "/model/amazon.nova-lite-v1%3A0/converse"),
        (
            ARN,
            "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse",
        ),
    ],
)
async def test_a_caller_of_messages_reaches_claude_by_invoke_and_others_by_converse(model_id: str, path: str) -> None:
    received = await asked(KEYS, model_id)
    assert received.target == path
    assert ("anthropic_version" in received.json) is path.endswith("invoke")
    assert "anthropic-version" not in received.fields


async def test_a_session_token_is_sent_and_signed() -> None:
    received = await asked(KEYS.removesuffix("}") + ', token: "${env:NEXT}"}')
    assert received.fields["x-amz-security-token"] == ENVIRONMENT["NEXT"]
    assert "x-amz-security-token" in received.fields["authorization"]
    assert received.fields["authorization"].endswith(signature(received, SECRET))


async def test_without_a_credential_botocore_finds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFOUND")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "found")
    received = await asked("")
    assert "Credential=AKIDFOUND/" in received.fields["authorization"]
    assert received.fields["authorization"].endswith(signature(received, "found"))


async def test_where_botocore_finds_none_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    async with recording() as recorder:
        provider = f'{{kind: bedrock, region: eu-central-1, base_url: "{recorder.url}"}}'
        async with house(provider, model_id=CLAUDE) as small:
            response = await small.call("POST", "/v1/messages", MESSAGE)
    assert response.status == 502
    assert "There are no AWS credentials to sign with" in response.json["error"]["message"]
    assert recorder.received == []


async def test_an_error_of_bedrocks_reaches_a_caller_of_messages_in_their_own_shape() -> None:
    def throttled(received: Received) -> tuple[int, dict[str, str], bytes]:
        return 400, {"x-amzn-errortype": "ValidationException"}, b'{"message":"max_tokens is too large"}'

    async with recording(throttled) as recorder:
        provider = f'{{kind: bedrock, region: eu-central-1, base_url: "{recorder.url}", {KEYS}}}'
        async with house(provider, model_id=CLAUDE) as small:
            response = await small.call("POST", "/v1/messages", MESSAGE)
    assert response.status == 400
    assert response.json["type"] == "error"
    assert "max_tokens is too large" in response.json["error"]["message"]


def test_the_missing_extra_is_a_mistake_that_names_it(tmp_path: Path) -> None:
    """In a program of its own, for which botocore is not there."""
    file = tmp_path / "headgate.yaml"
    file.write_text("version: 1\nproviders:\n  aws: {kind: bedrock, region: eu-central-1}\n")
    program = (
        "import sys; sys.modules['botocore'] = None; sys.argv = ['headgate', 'check', '--json', sys.argv[1]]; "
        "from headgate.cli.main import app; app()"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    errors = json.loads(done.stdout)["errors"]
    [told] = [error for error in errors if "botocore" in error["message"]]
    assert (told["line"], told["column"]) == (3, 8)
    assert "pip install 'headgate[bedrock]'" in told["message"]


def test_the_extra_is_not_needed_for_a_bedrock_api_key() -> None:
    configuration = 'version: 1\nproviders: {aws: {kind: bedrock, region: eu-central-1, key: "${env:KEY}"}}\n'
    program = (
        "import sys; sys.modules['botocore'] = None; from headgate.bootstrap.config.loading import parse; "
        f"parse({configuration.encode()!r}, 'a', {{'KEY': 'k'}})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "botocore" not in done.stderr
    with pytest.raises(ConfigurationRefused, match="no models that use them"):
        parse(configuration.encode(), "a", {"KEY": "k"})
