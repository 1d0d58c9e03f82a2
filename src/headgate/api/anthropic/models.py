"""Models as Anthropic lists them, page by page (Anthropic API reference, models)."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from headgate.catalog.catalog import Listed
from headgate.wire.body import wrong

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 1_000
EPOCH: Final = "1970-01-01T00:00:00Z"
"""What Anthropic says of a model whose release is unknown; a configuration does not know it."""


class ModelInfo(msgspec.Struct):
    """A model as Anthropic lists it."""

    id: str
    display_name: str
    created_at: str = EPOCH
    lifecycle: str = "active"
    type: str = "model"


class Page(msgspec.Struct):
    """Some of the models."""

    data: list[ModelInfo]
    has_more: bool
    first_id: str | None
    last_id: str | None


def write_model(model: Listed) -> bytes:
    """One model."""
    return msgspec.json.encode(_info(model))


def write_page(found: Sequence[Listed], query: Mapping[str, str]) -> bytes:
    """The page of `found` that `after_id` or `before_id` and `limit` of `query` ask for; without a cursor the first.

    Raises:
        Refusal: `invalid_request`, the limit is no number within its range, or nothing has the cursor's id.
    """
    limit = _limit(query.get("limit"))
    names = [model.id for model in found]
    if "before_id" in query:
        end = _place(names, "before_id", query["before_id"])
        start = max(0, end - limit)
        has_more = start > 0
    else:
        start = _place(names, "after_id", query["after_id"]) + 1 if "after_id" in query else 0
        end = min(start + limit, len(names))
        has_more = end < len(names)
    page = [_info(model) for model in found[start:end]]
    ends = (page[0].id, page[-1].id) if page else (None, None)
    return msgspec.json.encode(Page(page, has_more, *ends))


def _info(model: Listed) -> ModelInfo:
    return ModelInfo(model.id, display_name=model.id)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4) or not 1 <= int(text) <= MAX_LIMIT:
        raise wrong("limit", f"The parameter 'limit' must be a number from 1 to {MAX_LIMIT:,}.")
    return int(text)


def _place(names: Sequence[str], param: str, name: str) -> int:
    if name not in names:
        raise wrong(param, f"The parameter '{param}' names no model of the list; begin again without it.")
    return names.index(name)
