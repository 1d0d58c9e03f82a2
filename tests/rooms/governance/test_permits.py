"""Which use case governs a call, and what the team may not do."""

import pytest

from headgate.domain.call import Call, Request, WireFormat
from headgate.domain.money import Price
from headgate.domain.policy import Chain, Deployment, Model, Policy, UseCase
from headgate.domain.principal import Principal, Role, Subject
from headgate.domain.prompt import Prompt
from headgate.domain.refusal import Refusal
from headgate.governance.permits import Governance
from headgate.journal.record import Record
from headgate.journal.records import Body
from headgate.kit.clock import ManualClock

CHAIN = Chain("careful", ("smart",))
USE_CASES = {
    name: UseCase(name, pipelines, CHAIN)
    for name, pipelines in {
        "default": ("auto", "direct", "rag", "agent"),
        "chat": ("direct",),
        "handbook": ("rag", "direct"),
        "secret": ("direct",),
    }.items()
}
GRANTED = ("default", "chat", "handbook", "gone")


class Nowhere:
    """Takes frames and keeps none."""

    def append(self, *bodies: Body) -> None:
        """Nothing is kept."""

    async def durable(self) -> None:
        """Nothing waits."""


def record(
    model: str = "",
    *,
    use_case: str | None = None,
    pipeline: str | None = None,
    project: str | None = None,
    granted: tuple[str, ...] | None = GRANTED,
    wire: WireFormat = WireFormat.NATIVE,
) -> Record:
    """The open record of an authenticated call."""
    body: Request | Refusal = Refusal("invalid_request", "unreadable")
    if model != "unreadable":
        body = Request(wire, b"", lambda raw: Prompt(()), model)
    call = Call("id", wire, "/v1/generate", 0, 0, "127.0.0.1", None, body, use_case=use_case, pipeline=pipeline)
    opened = Record(call, Policy(1, "", {}, {}, USE_CASES), Nowhere(), ManualClock(), lambda record, close: None)
    opened.principal = Principal(
        Role.MEMBER, "alpha", "default", "", "key", Subject(1, 1, None, 1), (), granted, project
    )
    return opened


@pytest.mark.parametrize(
    ("opened", "name"),
    [
        (record("handbook", use_case="chat", project="default"), "chat"),
        (record("chat", project="default"), "chat"),
        (record("gpt-4o", project="chat"), "chat"),
        (record("gpt-4o"), "default"),
        (record("unreadable", use_case="chat"), "chat"),
        (record("unreadable"), "default"),
        (record("secret", granted=None), "secret"),
    ],
)
def test_the_use_case_is_the_first_that_somebody_named(opened: Record, name: str) -> None:
    assert Governance().permit(opened).name == name
    assert opened.pipeline == "direct"
    assert [step.name for step in opened.steps] == ["permit"]


@pytest.mark.parametrize(
    ("opened", "status", "code"),
    [
        (record(use_case="nowhere"), 404, "not_found"),
        (record(use_case="gone"), 404, "not_found"),
        (record(use_case="secret"), 403, "use_case_not_granted"),
        (record("secret"), 403, "use_case_not_granted"),
        (record(granted=("chat",)), 403, "use_case_not_granted"),
        (record(use_case="chat", pipeline="rag"), 403, "not_permitted"),
    ],
)
def test_what_is_not_permitted_is_refused(opened: Record, status: int, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        Governance().permit(opened)
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("opened", "status", "code"),
    [
        (record(pipeline="rag"), 422, "invalid_parameter"),
        (record(pipeline="agent"), 422, "invalid_parameter"),
        (record(use_case="handbook"), 422, "invalid_parameter"),
        (record(pipeline="magic"), 422, "invalid_parameter"),
        (record(pipeline="magic", wire=WireFormat.OPENAI_CHAT), 400, "invalid_request"),
        (record("unreadable", pipeline="magic"), 400, "invalid_request"),
    ],
)
def test_a_pipeline_that_is_not_there_is_a_mistake_told_once_limits_let_the_call_through(
    opened: Record, status: int, code: str
) -> None:
    Governance().permit(opened)
    assert opened.mistake is not None
    assert (opened.mistake.status, opened.mistake.code) == (status, code)


def test_a_refusal_lists_what_the_team_may_use_and_nothing_else() -> None:
    with pytest.raises(Refusal, match="the team may use: chat, default, handbook"):
        Governance().permit(record(use_case="secret"))


def test_a_pipeline_named_explicitly_replaces_the_use_cases_own() -> None:
    opened = record(use_case="handbook", pipeline="direct")
    Governance().permit(opened)
    assert opened.pipeline == "direct"


@pytest.mark.parametrize(
    ("granted", "project", "shown", "chain"),
    [
        (None, None, ["smart"], ("smart",)),
        (GRANTED, None, ["smart"], ("smart",)),
        (("chat",), None, ["smart"], ()),
        (("chat",), "chat", ["smart"], ("smart",)),
        (("gone",), None, [], ()),
        ((), None, [], ()),
        (None, "gone", ["smart"], ()),
    ],
)
def test_a_team_is_shown_what_it_may_use(
    granted: tuple[str, ...] | None, project: str | None, shown: list[str], chain: tuple[str, ...]
) -> None:
    deployment = Deployment("p/m", "p", "m", "eu", Price(1, 1))
    models = {name: Model(name, "standard", (deployment,)) for name in ("smart", "any-*")}
    policy = Policy(1, "", {}, models, USE_CASES)
    principal = record(granted=granted, project=project).principal
    assert principal is not None
    governance = Governance()
    assert [model.id for model in governance.models(principal, policy)] == shown
    assert governance.chain(principal, policy) == chain
    for name in ("smart", "any-thing"):
        if shown:
            assert governance.model(principal, policy, name).id == name
        else:
            with pytest.raises(Refusal, match="granted no use case"):
                governance.model(principal, policy, name)
