"""Converse's citations as those that Anthropic and OpenAI know (Amazon Bedrock API reference, Citation)."""

from typing import Any, Final

import msgspec

_PLACES: Final = {
    "documentChar": ("char_location", "start_char_index", "end_char_index"),
    "documentPage": ("page_location", "start_page_number", "end_page_number"),
    "documentChunk": ("content_block_location", "start_block_index", "end_block_index"),
    "searchResultLocation": ("search_result_location", "start_block_index", "end_block_index"),
}
"""For each place Anthropic's name of it, of its start and of its end."""


class _Cited(msgspec.Struct):
    text: str | None = None


class Citation(msgspec.Struct, rename="camel"):
    """A citation, whole or as the delta that holds it."""

    title: str | None = None
    source: str | None = None
    source_content: list[_Cited] | None = None
    location: dict[str, dict[str, Any]] | None = None

    def text(self, start: int, end: int) -> str | None:
        """The citation as JSON; None for a place that no caller has a word for.

        `start` and `end` bound the text that it stands behind, for the places that name none.
        """
        for place, at in (self.location or {}).items():
            if place == "web":
                web = {"start_index": start, "end_index": end, "url": at.get("url"), "title": self.title or ""}
                return _json({"type": "url_citation", "url_citation": web})
            if place in _PLACES:
                return _json(self._at(place, at))
        return None

    def _at(self, place: str, at: dict[str, Any]) -> dict[str, Any]:
        kind, start, end = _PLACES[place]
        cited = "".join(piece.text or "" for piece in self.source_content or ())
        fields = {"type": kind, "cited_text": cited, start: at.get("start", 0), end: at.get("end", 0)}
        if place == "searchResultLocation":
            number = at.get("searchResultIndex", 0)
            return {**fields, "search_result_index": number, "source": self.source or "", "title": self.title}
        return {**fields, "document_index": at.get("documentIndex", 0), "document_title": self.title}


def _json(fields: dict[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()
