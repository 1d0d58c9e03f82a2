"""Which use case governs a call, and whether the caller's team may use it in the way asked for."""

from collections.abc import Mapping
from typing import Final

from headgate.catalog.catalog import Listed, fallback_chain, find, listed
from headgate.domain.call import Call, Request, WireFormat
from headgate.domain.policy import Policy, UseCase
from headgate.domain.principal import Principal
from headgate.domain.refusal import Refusal
from headgate.journal.record import Record

DEFAULT: Final = "default"
"""The use case of a call that nothing else decides."""

_PIPELINES: Final = ("direct", "rag", "agent")
_MISSING: Final = {
    "rag": "retrieval over collections is not part of this version",
    "agent": "tools for an agent are not part of this version",
}


class Governance:
    """Decides which use case governs a call, through which pipeline it runs, and which models a team is shown."""

    def permit(self, record: Record) -> UseCase:
        """The use case of the call: named by header or body, by the model field, by the project, else `default`.

        Sets `record.pipeline`, and `record.mistake` where the call names a pipeline that is not there.

        Raises:
            Refusal: `not_found` (no such use case), `use_case_not_granted`, `not_permitted` (a pipeline that the use
                case does not offer).
        """
        principal = record.principal
        assert principal is not None, "a caller is known before it is permitted"
        use_cases = record.policy.use_cases
        name, chosen_by = _asked(record.call, principal, use_cases)
        use_case = use_cases.get(name)
        if use_case is None:
            raise Refusal(
                "not_found",
                f"There is no use case '{name}' ({chosen_by}); {_granted(principal, use_cases)}.",
                param="use_case",
            )
        if principal.use_cases is not None and name not in principal.use_cases:
            raise Refusal(
                "use_case_not_granted",
                f"Team '{principal.team}' may not use the use case '{name}' ({chosen_by}); "
                f"{_granted(principal, use_cases)}.",
                param="use_case",
                details={"scope": f"team {principal.team}"},
            )
        mistake = _unknown_pipeline(record.call) or _missing_pipeline(record.call, use_case)
        record.mistake = record.mistake or mistake
        record.pipeline = "direct"
        record.step("permit", f"use case '{name}' ({chosen_by}), pipeline {record.pipeline}")
        return use_case

    def models(self, principal: Principal, policy: Policy) -> tuple[Listed, ...]:
        """The models that the principal's team may ask for by their own names.

        A granted use case takes every model; to a team without one, none are shown.
        """
        return listed(policy) if _may_call(principal, policy) else ()

    def model(self, principal: Principal, policy: Policy, asked: str) -> Listed:
        """The model `asked`, which may be one that a pattern serves.

        Raises:
            Refusal: `model_not_found`, also where the team may use no model.
        """
        if not _may_call(principal, policy):
            sentence = f"Team '{principal.team}' may use no model, for it is granted no use case; ask a platform-admin."
            raise Refusal("model_not_found", sentence, param="model")
        return find(policy, asked)

    def chain(self, principal: Principal, policy: Policy) -> tuple[str, ...]:
        """The models that a call of the principal's tries where it names nothing, in order; none where it may not."""
        name = principal.project_use_case or DEFAULT
        use_case = policy.use_cases.get(name)
        if use_case is None or (principal.use_cases is not None and name not in principal.use_cases):
            return ()
        return fallback_chain(policy, use_case)


def _may_call(principal: Principal, policy: Policy) -> bool:
    return principal.use_cases is None or any(name in policy.use_cases for name in principal.use_cases)


def _asked(call: Call, principal: Principal, use_cases: Mapping[str, UseCase]) -> tuple[str, str]:
    if call.use_case:
        return call.use_case, "named by the request"
    body = call.body
    if isinstance(body, Request) and body.model in use_cases:
        return body.model, "named in the model field"
    if principal.project_use_case:
        return principal.project_use_case, "the project's setting"
    return DEFAULT, "nothing else was named"


def _granted(principal: Principal, use_cases: Mapping[str, UseCase]) -> str:
    names = sorted(use_cases if principal.use_cases is None else set(principal.use_cases) & set(use_cases))
    return f"the team may use: {', '.join(names)}" if names else "no use case is granted to the team"


def _unknown_pipeline(call: Call) -> Refusal | None:
    asked = call.pipeline
    if asked is None or asked == "auto" or asked in _PIPELINES:
        return None
    sentence = f"There is no pipeline '{asked}'; choose auto or one of {', '.join(_PIPELINES)}."
    native = call.wire is WireFormat.NATIVE
    return Refusal("invalid_parameter" if native else "invalid_request", sentence, param="pipeline")


def _missing_pipeline(call: Call, use_case: UseCase) -> Refusal | None:
    """What is wrong with the pipeline that is asked for or comes first.

    Raises:
        Refusal: `not_permitted`, where the use case does not offer it.
    """
    asked = use_case.pipelines[0] if call.pipeline in (None, "auto") else call.pipeline
    if asked not in use_case.pipelines:
        offered = ", ".join(pipeline for pipeline in use_case.pipelines if pipeline != "auto")
        raise Refusal(
            "not_permitted",
            f"The use case '{use_case.name}' does not permit the pipeline '{asked}'; it permits: {offered}.",
            param="pipeline",
        )
    if asked not in _MISSING:
        return None
    return Refusal(
        "invalid_parameter",
        f"The pipeline '{asked}' cannot run: {_MISSING[asked]}. Ask for 'direct' or 'auto'.",
        param="pipeline",
    )
