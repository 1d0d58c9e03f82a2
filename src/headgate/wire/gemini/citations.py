"""Gemini's sources as the URL citations that OpenAI knows (Gemini API reference, GroundingMetadata and others)."""

import msgspec


class Spoken:
    """The text of one candidate, in which Gemini counts bytes and others count characters."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        """Take the next piece of text in."""
        self._pieces.append(text)

    def characters(self, offset: int) -> int:
        """How many characters the first `offset` bytes of the text hold."""
        return len("".join(self._pieces).encode()[: max(0, offset)].decode("utf-8", "ignore"))


class _Source(msgspec.Struct, rename="camel"):
    uri: str = ""
    title: str = ""
    start_index: int = 0
    end_index: int = 0


class CitationMetadata(msgspec.Struct, rename="camel"):
    """Sources that the answer recites; Vertex AI calls them `citations`."""

    citation_sources: list[_Source] | None = None
    citations_: list[_Source] | None = msgspec.field(default=None, name="citations")

    def citations(self, spoken: Spoken) -> list[str]:
        """Each source with a URL, as JSON."""
        sources = self.citation_sources or self.citations_ or ()
        return [_citation(source, source.start_index, source.end_index, spoken) for source in sources if source.uri]


class _Chunk(msgspec.Struct, rename="camel"):
    web: _Source | None = None
    retrieved_context: _Source | None = None


class _Segment(msgspec.Struct, rename="camel"):
    start_index: int = 0
    end_index: int = 0


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class GroundingMetadata(msgspec.Struct, rename="camel"):
    """Sources that the answer rests on, and which of its segments each supports."""

    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None

    def citations(self, spoken: Spoken) -> list[str]:
        """One citation for each pair of segment and source with a URL, as JSON."""
        chunks = self.grounding_chunks or []
        cited = []
        for support in self.grounding_supports or ():
            segment = support.segment or _Segment()
            for number in support.grounding_chunk_indices or ():
                chunk = chunks[number] if 0 <= number < len(chunks) else _Chunk()
                source = chunk.web or chunk.retrieved_context
                if source and source.uri:
                    cited.append(_citation(source, segment.start_index, segment.end_index, spoken))
        return cited


def _citation(source: _Source, start: int, end: int, spoken: Spoken) -> str:
    fields = {
        "start_index": spoken.characters(start),
        "end_index": spoken.characters(end),
        "url": source.uri,
        "title": source.title,
    }
    return msgspec.json.encode({"type": "url_citation", "url_citation": fields}).decode()
