"""LangChain's own standard tests of chat models, against a served Headgate; run in LangChain's environment.

`HEADGATE_URL` and `HEADGATE_KEY` say where. What the suite fetches from the internet is replaced here: its picture and
its PDF by small ones of our own, in the same forms.
"""

import base64
import os
import struct
import zlib
from typing import Any, ClassVar

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

URL, KEY = os.environ["HEADGATE_URL"], os.environ["HEADGATE_KEY"]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PICTURE = base64.b64encode(
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0" * 6 * 25))
    + _chunk(b"IEND", b"")
).decode()
DOCUMENT = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()
SEEN = "You sent an image (image/png"
READ = "You sent a document ("


class Common:
    """What both classes of models have in common."""

    chat_model_params = property(lambda self: self.parameters)
    model_override_value = "another-name"
    supports_anthropic_inputs = True

    @pytest.mark.parametrize("form", ["standard", "own"])
    def test_a_picture_is_seen(self, model, form: str) -> None:
        """LangChain's form of a picture and the provider's own, as the suite's `test_image_inputs` has them."""
        picture = {"type": "image", "base64": PICTURE, "mime_type": "image/png"}
        parts = [{"type": "text", "text": "Describe it"}, picture if form == "standard" else self.own_picture]
        assert SEEN in model.invoke([HumanMessage(parts)]).text

    def test_a_document_is_read(self, model) -> None:
        """LangChain's form of a PDF, as the suite's `test_pdf_inputs` has it."""
        document = {"type": "file", "base64": DOCUMENT, "mime_type": "application/pdf", "filename": "a.pdf"}
        assert READ in model.invoke([HumanMessage([{"type": "text", "text": "Sum it up"}, document])]).text


class TestChatOpenAI(Common, ChatModelIntegrationTests):
    chat_model_class = ChatOpenAI
    parameters: ClassVar[Any] = {"model": "demo", "base_url": f"{URL}/v1", "api_key": KEY, "stream_usage": True}
    supports_json_mode = True
    own_picture: ClassVar[Any] = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    supported_usage_metadata_details: ClassVar[Any] = {"invoke": ["reasoning_output"], "stream": ["reasoning_output"]}

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        """A call whose answer is thought about."""
        model = ChatOpenAI(**self.parameters, reasoning_effort="medium")
        return _invoked(model, stream)


class TestChatAnthropic(Common, ChatModelIntegrationTests):
    chat_model_class = ChatAnthropic
    parameters: ClassVar[Any] = {"model": "demo", "base_url": URL, "api_key": KEY}
    own_picture: ClassVar[Any] = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PICTURE},
    }

    def test_a_picture_in_a_tools_result_is_seen(self, model) -> None:
        """As the suite's `test_image_tool_message` has it."""
        picture = {"type": "image", "base64": PICTURE, "mime_type": "image/png"}
        call = {"name": "look", "args": {}, "id": "call_1", "type": "tool_call"}
        turns = [HumanMessage("Look"), AIMessage("", tool_calls=[call]), ToolMessage([picture], tool_call_id="call_1")]
        assert SEEN in model.invoke(turns).text


class Alone(ChatModelUnitTests):
    """A class of models without a server."""

    @pytest.mark.xfail(reason="It asks no server; it wants a snapshot that only LangChain's own repository keeps.")
    def test_serdes(self, model, snapshot) -> None:
        """The suite's own test."""
        super().test_serdes(model, snapshot)


class TestChatOpenAIAlone(Alone):
    chat_model_class = ChatOpenAI
    chat_model_params = TestChatOpenAI.parameters
    init_from_env_params = (
        {"OPENAI_BASE_URL": f"{URL}/v1", "OPENAI_API_KEY": KEY},
        {"model": "demo"},
        {"openai_api_key": KEY},
    )


class TestChatAnthropicAlone(Alone):
    chat_model_class = ChatAnthropic
    chat_model_params = TestChatAnthropic.parameters
    init_from_env_params = (
        {"ANTHROPIC_BASE_URL": URL, "ANTHROPIC_API_KEY": KEY},
        {"model": "demo"},
        {"anthropic_api_key": KEY, "anthropic_api_url": URL},
    )


def _invoked(model, stream: bool) -> AIMessage:
    if not stream:
        return model.invoke("hi")
    whole = None
    for chunk in model.stream("hi"):
        whole = chunk if whole is None else whole + chunk
    return whole
