"""What the node and the face engine's child say to each other over one socket pair.

Length-prefixed messages of plain data. Nothing is unpickled: the child handles hostile pictures,
so what it says is checked like anything from outside.
"""

from __future__ import annotations

import math
import socket
import struct
import time
from typing import Final

import msgspec
import numpy as np

from attendance.errors import MESSAGES
from attendance.quality import VECTOR_LENGTH, Box, FaceFound, Quality

LONGEST: Final = 8 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")


class ExchangeEnded(Exception):
    """The other side closed, was too late, or said something that makes no sense."""


class Ready(msgspec.Struct, frozen=True):
    """The child's first words: what it measures with."""

    model_id: str
    engine_id: str
    refused: str = ""
    """why the fast engine is not used, where it was asked for"""


class Answer(msgspec.Struct, frozen=True):
    """The child's answer to one picture: a code of ``errors.MESSAGES``, or a face."""

    refused: str | None = None
    vector: bytes = b""
    box: Box = Box(0, 0, 0, 0)
    quality: Quality | None = None


def answer_of(face: FaceFound) -> Answer:
    """The face as it travels to the node; model and engine were said once, in Ready."""
    vector = face.vector.astype("<f4").tobytes()
    return Answer(vector=vector, box=face.box, quality=face.quality)


def face_of(answer: Answer, ready: Ready) -> FaceFound:
    """The face that the child answered. Raises ExchangeEnded when it is not one."""
    if answer.quality is None or len(answer.vector) != 4 * VECTOR_LENGTH:
        raise ExchangeEnded("the face engine's answer holds no face")
    vector = np.frombuffer(answer.vector, "<f4")
    if not np.isfinite(vector).all():
        raise ExchangeEnded("the face engine's vector is not finite")
    return FaceFound(vector, answer.box, answer.quality, ready.model_id, ready.engine_id)


def refused_code(answer: Answer) -> str | None:
    """The code of a refusal. Raises ExchangeEnded for a code nobody knows."""
    if answer.refused is not None and answer.refused not in MESSAGES:
        raise ExchangeEnded("the face engine's answer has an unknown code")
    return answer.refused


def say(line: socket.socket, message: bytes, deadline: float = math.inf) -> None:
    """Send one message before the deadline (time.monotonic). Raises ExchangeEnded."""
    try:
        _limit(line, deadline)
        line.sendall(_LENGTH.pack(len(message)) + message)
    except OSError as error:
        raise ExchangeEnded("the other side does not listen") from error


def hear(line: socket.socket, deadline: float = math.inf) -> bytes:
    """Receive one message before the deadline (time.monotonic). Raises ExchangeEnded."""
    (length,) = _LENGTH.unpack(_take(line, _LENGTH.size, deadline))
    if length > LONGEST:
        raise ExchangeEnded("a message is too long")
    return _take(line, length, deadline)


def _take(line: socket.socket, length: int, deadline: float) -> bytes:
    taken = bytearray()
    while len(taken) < length:
        try:
            _limit(line, deadline)
            part = line.recv(length - len(taken))
        except OSError as error:
            raise ExchangeEnded("the other side does not answer") from error
        if not part:
            raise ExchangeEnded("the other side has closed")
        taken += part
    return bytes(taken)


def _limit(line: socket.socket, deadline: float) -> None:
    if deadline == math.inf:
        line.settimeout(None)
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    line.settimeout(left)
