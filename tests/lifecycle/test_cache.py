"""Kept answers over real processes: whose they are, in which form they leave, what they survive, and whom they bill."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests import postgres
from tests.processes import Served, serve, simulator, wait_for

pytestmark = pytest.mark.xdist_group("cache")

CONFIGURATION = """
version: 1
providers:
  chat: {{kind: openai-like, base_url: "{simulator}/v1"}}
models:
  demo: {{deployments: [{{provider: chat, id: demo, region: local, price: {{in: 1, out: 2}}}}]}}
use_cases:
  default: {{cache: {{ttl: 1h, semantic: {{similarity: 0.95}}}}}}
  plain: {{cache: off}}
teams: {{defaults: {{limits: {{parallel: 500}}}}}}
"""


class World:
    """A simulator, a database, and Headgates on it."""

    def __init__(self, directory: Path, url: str, provider: str) -> None:
        self.directory, self.url, self.provider = directory, url, provider

    def serve(self, name: str = "one", configuration: str = "") -> Served:
        place = self.directory / name
        place.mkdir(exist_ok=True)
        (place / "headgate.yaml").write_text(configuration or CONFIGURATION.format(simulator=self.provider))
        return serve(place, {"HEADGATE_DATABASE_URL": self.url, "HEADGATE_CACHE_KEY": "the tests' key"})

    def billed(self) -> int:
        with urllib.request.urlopen(f"{self.provider}/billing", timeout=5) as answer:
            return sum(entry["calls"] for entry in json.load(answer)["sums"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with simulator() as provider, postgres.fresh_database() as url:
        yield World(tmp_path_factory.mktemp("cache"), url, provider)


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[Served]:
    running = world.serve()
    try:
        yield running
    finally:
        running.stop()


def ask(served: Served, key: str, path: str, body: Any, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        served.url + path, json.dumps(body).encode(), {"authorization": f"Bearer {key}", **named}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), {k.lower(): v for k, v in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, error.read(), {k.lower(): v for k, v in error.headers.items()}


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "demo", "temperature": 0.2, "messages": [{"role": "user", "content": text}], **more}


CHAT = "/v1/chat/completions"


def test_the_same_question_is_answered_byte_for_byte_and_costs_nothing(served: Served, world: World) -> None:
    key, before = served.key("bytes"), world.billed()
    _, first, head = ask(served, key, CHAT, chat("What is a byte?"))
    _, second, again = ask(served, key, CHAT, chat("What is a byte?"))
    assert (head["x-headgate-cache"], again["x-headgate-cache"]) == ("miss", "exact")
    assert first == second
    assert world.billed() == before + 1
    assert float(again["x-headgate-cost-usd"]) == 0
    _, explained = served.call("GET", f"/admin/v1/requests/{again['x-request-id']}")
    assert (explained["outcome"], explained["cost_nano_usd"], explained["attempts"]) == ("cached", 0, [])
    said = next(step["decision"] for step in explained["steps"] if step["step"] == "cache")
    assert head["x-request-id"] in said


def test_one_record_is_given_streamed_and_over_other_surfaces(served: Served, world: World) -> None:
    key, before = served.key("forms"), world.billed()
    _, whole, _ = ask(served, key, CHAT, chat("What is a form?", max_tokens=50))
    text = json.loads(whole)["choices"][0]["message"]["content"]
    _, streamed, head = ask(served, key, CHAT, chat("What is a form?", max_tokens=50, stream=True))
    chunks = [json.loads(line[6:]) for line in streamed.decode().splitlines() if line.startswith("data: {")]
    assert head["x-headgate-cache"] == "exact"
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"]) == text
    body = {"model": "demo", "max_tokens": 50, "temperature": 0.2}
    messages = [{"role": "user", "content": "What is a form?"}]
    _, message, head = ask(served, key, "/v1/messages", {**body, "messages": messages})
    assert head["x-headgate-cache"] == "exact"
    assert json.loads(message)["content"][0]["text"] == text
    assert world.billed() == before + 1


def test_a_stream_is_kept_once_it_ended_and_replayed_byte_for_byte(served: Served) -> None:
    key = served.key("streams")
    first = ask(served, key, CHAT, chat("!pace 1ms\n!tokens 20", stream=True))
    second = ask(served, key, CHAT, chat("!pace 1ms\n!tokens 20", stream=True))
    assert second[2]["x-headgate-cache"] == "exact"
    assert first[1] == second[1]


def test_another_wording_is_served_and_another_question_is_not(served: Served) -> None:
    key = served.key("wordings")
    prompts = [
        "What is the capital of France?",
        "Please tell me what the capital of France is",
        "What is the capital of Spain?",
    ]
    found = [json.loads(ask(served, key, "/v1/generate", {"prompt": prompt})[1]) for prompt in prompts]
    assert [answer["cached"] for answer in found] == [False, True, False]
    assert found[1]["content"] == found[0]["content"]
    assert (found[1]["model_used"], found[1]["tokens_in"], found[1]["cost_usd"]) == ("cache", 0, 0)


def test_a_wrong_hit_is_forgotten_at_once_and_counted(served: Served) -> None:
    key, other = served.key("wrong"), served.key("foreign")
    ask(served, key, CHAT, chat("What is wrong?"))
    hit = ask(served, key, CHAT, chat("Please tell me what is wrong"))[2]
    assert hit["x-headgate-cache"] == "semantic"
    said = {"request_id": hit["x-request-id"], "metric": "wrong_hit", "value": True}
    assert served.call("POST", "/v1/feedback", said, other)[0] == 404
    assert served.call("POST", "/v1/feedback", {**said, "metric": "mood"}, key)[0] == 422
    assert served.call("POST", "/v1/feedback", {"metric": "wrong_hit"}, key)[0] == 422
    assert served.call("POST", "/v1/feedback", said, key) == (202, {**_less(said, "value"), "purged": True})
    assert served.call("POST", "/v1/feedback", said, key) == (202, {**_less(said, "value"), "purged": False})
    assert ask(served, key, CHAT, chat("What is wrong?"))[2]["x-headgate-cache"] == "miss"
    _, shown = served.call("GET", "/admin/v1/cache?team=wrong")
    (worth,) = shown["data"]
    assert (worth["entries"], worth["semantic"], worth["miss"], worth["wrong"]) == (1, 1, 2, 1)
    assert worth["saved_usd"] > 0


def _less(said: dict[str, Any], name: str) -> dict[str, Any]:
    return {kept: value for kept, value in said.items() if kept != name}


def test_a_team_is_purged_and_no_other(served: Served) -> None:
    keys = [served.key("purged"), served.key("spared")]
    for key in keys:
        ask(served, key, CHAT, chat("What is purged?"))
    assert served.call("POST", "/admin/v1/cache/purge", {"team": "purged"}) == (200, {"purged": 1})
    assert [ask(served, key, CHAT, chat("What is purged?"))[2]["x-headgate-cache"] for key in keys] == ["miss", "exact"]
    assert served.call("POST", "/admin/v1/cache/purge", {"team": "purged"}, keys[0])[0] == 403


def test_where_no_provider_answers_what_was_kept_before_is_served_as_stale(world: World) -> None:
    configuration = CONFIGURATION.replace("ttl: 1h", "ttl: 1ms, stale: 1h")
    with simulator() as provider:
        served = world.serve("stale", configuration.format(simulator=provider))
        key = served.key("stale")
        first = ask(served, key, CHAT, chat("What is old?"))
    try:
        again = ask(served, key, CHAT, chat("What is old?"))
        assert (again[0], again[1], again[2]["x-headgate-cache"]) == (200, first[1], "stale")
        assert ask(served, key, CHAT, chat("What is new?"))[0] >= 500
    finally:
        served.stop()


def test_teams_never_meet(served: Served, world: World) -> None:
    before = world.billed()
    for team in ("hers", "his"):
        assert ask(served, served.key(team), CHAT, chat("What is ours?"))[2]["x-headgate-cache"] == "miss"
    assert world.billed() == before + 2


def test_the_store_shows_neither_questions_nor_answers_and_a_team_its_own_alone(served: Served, world: World) -> None:
    for team in ("sealed", "closed"):
        ask(served, served.key(team), CHAT, chat("What is sesquipedalian?"))

    def rows() -> list[Any]:
        with psycopg.connect(world.url) as connection:
            return connection.execute("SELECT team_key, asked, answer FROM cache_entries").fetchall()

    wait_for(lambda: len({row[0] for row in rows()}) > 1, "the entries are written")
    assert all(b"sesquipedalian" not in bytes(part or b"") for row in rows() for part in row[1:])
    teams = {row[0] for row in rows()}
    with psycopg.connect(world.url) as connection:
        connection.execute("SET LOCAL ROLE headgate_app")
        connection.execute("SELECT set_config('headgate.team', %s, true)", (str(min(teams)),))
        assert {row[0] for row in connection.execute("SELECT team_key FROM cache_entries")} == {min(teams)}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (chat("!tokens 100", max_tokens=5), "cut off"),
        (chat('!tool look {"at": 1}', tools=[{"type": "function", "function": {"name": "look"}}]), "calls tools"),
        (chat("What is heat?", temperature=1.5), "temperature"),
    ],
)
def test_what_is_never_kept_says_why(served: Served, body: Any, why: str) -> None:
    key = served.key("never")
    assert [ask(served, key, CHAT, body)[2]["x-headgate-cache"] in ("miss", "off") for _ in range(2)] == [True, True]
    _, _, head = ask(served, key, CHAT, body)
    _, explained = served.call("GET", f"/admin/v1/requests/{head['x-request-id']}")
    assert any(why in step["decision"] for step in explained["steps"])


def test_the_header_asks_for_no_a_new_or_only_a_kept_answer(served: Served, world: World) -> None:
    key, body = served.key("asks"), chat("What is asked?")
    assert ask(served, key, CHAT, body, X_Headgate_Cache="only")[0] == 404
    assert ask(served, key, CHAT, body, X_Headgate_Cache="off")[2]["x-headgate-cache"] == "off"
    assert ask(served, key, CHAT, body)[2]["x-headgate-cache"] == "miss"
    before = world.billed()
    assert ask(served, key, CHAT, body, X_Headgate_Cache="refresh")[2]["x-headgate-cache"] == "miss"
    assert world.billed() == before + 1
    assert ask(served, key, CHAT, body, X_Headgate_Cache="only")[2]["x-headgate-cache"] == "exact"
    assert ask(served, key, CHAT, body, X_Headgate_Cache="never")[0] == 400


@pytest.mark.parametrize("stream", [False, True])
def test_a_hundred_identical_calls_at_once_make_one(served: Served, world: World, stream: bool) -> None:
    key, before = served.key("crowd", limits={"requests": "10k/min"}), world.billed()
    body, got = chat(f"!delay 700ms\n!tokens 12\nstream {stream}", stream=stream), []
    threads = [threading.Thread(target=lambda: got.append(ask(served, key, CHAT, body))) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _, _ in got} == {200}
    assert len({answer for _, answer, _ in got}) == 1
    assert world.billed() == before + 1
    assert sum(head["x-headgate-cache"] == "miss" for _, _, head in got) == 1


@pytest.mark.parametrize("path", [CHAT, "/v1/generate"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_repeated_call_is_given_the_same_answer(served: Served, world: World, path: str, stream: bool) -> None:
    key, before = served.key("again"), world.billed()
    body = {"prompt": "Once"} if path == "/v1/generate" else chat("Once")
    named = {"Idempotency_Key": f"{path} {stream}", "X_Headgate_Use_Case": "plain"}
    first = ask(served, key, path, {**body, "stream": stream}, **named)
    second = ask(served, key, path, {**body, "stream": stream}, **named)
    assert (first[0], second[0]) == (200, 200)
    assert second[2]["x-headgate-cache"] == "exact"
    assert path == "/v1/generate" or first[1] == second[1]
    assert world.billed() == before + 1
    other = ask(served, key, path, {**body, "stream": stream, "temperature": 0.9}, **named)
    assert (other[0], json.loads(other[1])["error"]["code"]) == (409, "idempotency_conflict")
    assert other[2]["x-should-retry"] == "false"


def test_a_failed_call_frees_its_idempotency_key(served: Served) -> None:
    key, body = served.key("freed"), chat("!fail 400 1\nfreed")
    assert ask(served, key, CHAT, body, Idempotency_Key="f")[0] == 400
    wait_for(lambda: ask(served, key, CHAT, body, Idempotency_Key="f")[0] == 200, "the key is free again")


def test_while_the_first_call_is_under_way_its_repetition_is_told_to_wait(served: Served) -> None:
    key, body, got = served.key("waits"), chat("!delay 1500ms\nslow"), []
    threads = [
        threading.Thread(target=lambda: got.append(ask(served, key, CHAT, body, Idempotency_Key="w"))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (refused, _, head), (answered, _, _) = sorted(got, key=lambda answer: -answer[0])
    assert (refused, head["retry-after"], answered) == (409, "1", 200)


def test_another_worker_and_the_next_start_have_it_too(served: Served, world: World) -> None:
    key, before = served.key("shared"), world.billed()
    ask(served, key, CHAT, chat("What is shared by all?"))
    other = world.serve("two")
    try:
        wait_for(
            lambda: ask(other, key, CHAT, chat("What is shared by all?"), X_Headgate_Cache="only")[0] == 200,
            "the other worker has it",
        )
        ask(served, key, CHAT, chat("What is shared later?"))
        wait_for(
            lambda: ask(other, key, CHAT, chat("What is shared later?"), X_Headgate_Cache="only")[0] == 200,
            "the other worker hears of it",
        )
        other.kill()
        other = world.serve("two")
        wait_for(
            lambda: ask(other, key, CHAT, chat("What is shared later?"), X_Headgate_Cache="only")[0] == 200,
            "the next start has it",
        )
    finally:
        other.kill()
    assert world.billed() == before + 2
