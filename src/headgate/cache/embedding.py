"""The static embedding in process: the mean of WordLlama's token vectors, read from its package's files.

Its own code is not imported: that costs 60 MB and half a second, where the file and a tokenizer cost 20 MB and a tenth.
The file's format is safetensors: a length of 8 bytes, a JSON header, the numbers (Hugging Face, safetensors format).
"""

import mmap
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from headgate.cache.nearness import DIMENSIONS, Vector

NAME: Final = "wordllama-l2-256"
MAX_TOKENS: Final = 512
"""Tokens of a text that are looked at; longer texts are not compared."""
_WEIGHTS: Final = "weights/l2_supercat_256.safetensors"
_TOKENIZER: Final = "tokenizers/l2_supercat_tokenizer_config.json"


class StaticEmbedding:
    """Unit vectors of texts.

    Raises:
        FileNotFoundError: the package has not the files that it had.
    """

    def __init__(self) -> None:
        package = find_spec("wordllama")
        if package is None or not package.submodule_search_locations:
            raise FileNotFoundError("the package wordllama is not installed")
        root = Path(package.submodule_search_locations[0])
        self._tokenizer = Tokenizer.from_file(str(root / _TOKENIZER))
        self._tokenizer.no_padding()
        self._table = _table(root / _WEIGHTS)

    def vector(self, text: str) -> Vector | None:
        """The vector of `text`; None where it is empty or too long."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if not ids or len(ids) > MAX_TOKENS:
            return None
        mean: Vector = self._table[ids].astype(np.float32).mean(axis=0)
        length = float(np.linalg.norm(mean))
        return mean / np.float32(length) if length else None


def _table(path: Path) -> NDArray[np.float16]:
    """The vectors, mapped and not read: of 16 MB only those of words that are used come into memory."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = msgspec.json.decode(file.read(length))["embedding.weight"]
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    begin, end = (8 + length + offset for offset in header["data_offsets"])
    return np.frombuffer(mapped, np.float16, (end - begin) // 2, begin).reshape(-1, DIMENSIONS)
