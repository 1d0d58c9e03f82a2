"""What the pool keeps of a provider: how its models are asked is made once, within a bound."""

import pytest

from headgate.bootstrap.discovery import KEYS, SERVERS
from headgate.domain.call import WireFormat
from headgate.domain.policy import Provider
from headgate.kit.clock import ManualClock
from headgate.pool.providers import KINDS
from headgate.pool.reach import CODECS, MAX_WAYS, Reach

CHAT = WireFormat.OPENAI_CHAT


def reach(kind: str = "openai-like", **more: str) -> Reach:
    return Reach(Provider("p", kind, "http://p", "SECRET", **more), ManualClock())  # type: ignore[arg-type]


def test_ways_are_remembered_and_the_oldest_forgotten() -> None:
    one = reach()
    first = one.way("m0", CHAT, stream=False)
    assert one.way("m0", CHAT, stream=False) is first
    for number in range(1, MAX_WAYS + 1):
        one.way(f"m{number}", CHAT, stream=False)
    assert len(one._ways) == MAX_WAYS
    assert one.way("m0", CHAT, stream=False) is not first


def test_a_rejection_that_was_heard_late_does_not_change_the_credential_back() -> None:
    one = reach(next_secret="OTHER")
    old = one.way("m", CHAT, stream=False)
    assert one.rejected(old)
    assert one.rejected(old)
    assert one.way("m", CHAT, stream=False).credential == 1
    assert not reach().rejected(old)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_speaks_formats_that_have_a_codec_first_one_that_answers(kind: str) -> None:
    known = KINDS[kind]
    assert set(known.paths) <= set(CODECS)
    assert next(iter(known.paths)) is not WireFormat.OPENAI_EMBEDDINGS
    assert set(known.streamed_paths) | set(known.codecs) | set(known.edits) | set(known.fixed_headers) <= set(
        known.paths
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_in_what_is_shown_of_a_provider(kind: str) -> None:
    one = reach(kind, next_secret="OTHER")
    way = one.way("m", CHAT, stream=True)
    assert "SECRET" in str(way.headers)
    assert not [secret for secret in ("SECRET", "OTHER") if secret in f"{way!r} {one!r} {one.provider!r}"]


@pytest.mark.parametrize(
    ("version", "url"),
    [
        ("", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("v1", "https://r.openai.azure.com/openai/v1/chat/completions"),
        ("preview", "https://r.openai.azure.com/openai/v1/chat/completions?api-version=preview"),
        (
            "2024-10-21",
            "https://r.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
        ),
    ],
)
@pytest.mark.parametrize("ending", ["", "/openai", "/openai/v1"])
def test_azures_two_styles_of_addresses(version: str, url: str, ending: str) -> None:
    provider = Provider("p", "azure-openai", f"https://r.openai.azure.com{ending}", "SECRET", api_version=version)
    assert Reach(provider, ManualClock()).way("my gpt", CHAT, stream=False).url == url


def test_a_first_start_looks_for_the_keys_and_servers_of_the_table() -> None:
    assert ("GROQ_API_KEY", "Groq") in KEYS
    assert ("GEMINI_API_KEY", "Google Gemini") in KEYS
    assert {(11434, "Ollama"), (8000, "vLLM"), (1234, "LM Studio"), (8080, "llama.cpp")} <= set(SERVERS)
    variables = [variable for variable, _ in KEYS]
    assert len(set(variables)) == len(variables)
