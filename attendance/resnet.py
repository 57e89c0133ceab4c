"""The face network as matrix products: aligned chips to vectors, with weights of a dlib file.

The wheel of dlib is built without BLAS, and spends nine tenths of a recognition in this one
network. Here the same weights are multiplied by numpy's BLAS. The arithmetic is that of dlib's
published network ("dnn_face_recognition_ex"): a 7x7 stem, 14 residual blocks in five widths,
an average over what is left, one linear layer of 128 outputs.

It knows no picture file, no face box and no person. It does not decide whether it may be used:
``attendance.faces`` compares it with dlib's own network when the engine starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from attendance.quality import VECTOR_LENGTH, Floats

Bytes = NDArray[np.uint8]

CHIP_SIDE: Final = 150
_PIXEL_SCALE: Final = np.float32(1 / 256)
"""dlib subtracts the mean colour stored in the file and divides by 256."""


class ModelUnreadable(ValueError):
    """The file is not a serialised network of the shape this module computes."""


@dataclass(frozen=True)
class Convolution:
    """One convolution with the affine layer behind it folded in: ``x @ weights + bias``."""

    weights: Floats
    """(window * window * channels in, channels out)"""
    bias: Floats
    window: int
    stride: int
    padding: int


@dataclass(frozen=True)
class Weights:
    """What the file holds: mean colour (3,), convolutions in forward order, last layer (k, 128)."""

    mean_colour: Floats
    convolutions: tuple[Convolution, ...]
    last: Floats


class _Reader:
    """Walks a dlib serialisation: variable-length integers, floats as pairs of them, tensors."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def seek_past(self, name: bytes) -> None:
        """Move behind the next occurrence of a length-prefixed layer name."""
        found = self._data.find(bytes([1, len(name)]) + name, self._at)
        if found < 0:
            raise ModelUnreadable(f"layer {name.decode()} is missing")
        self._at = found + 2 + len(name)

    def integer(self) -> int:
        """One integer: a byte of sign bit and length, then that many little-endian bytes."""
        if self._at >= len(self._data):
            raise ModelUnreadable("the file ends inside a layer")
        control = self._data[self._at]
        length = control & 0x0F
        start, self._at = self._at + 1, self._at + 1 + length
        magnitude = int.from_bytes(self._data[start : self._at], "little")
        return -magnitude if control & 0x80 else magnitude

    def real(self) -> float:
        """One number written as mantissa and power of two."""
        mantissa, exponent = self.integer(), self.integer()
        if abs(exponent) > 1000:
            raise ModelUnreadable("a number is out of range")
        return mantissa * 2.0**exponent

    def tensor(self) -> Floats:
        """A tensor of version 2 (dimensions, then raw little-endian float32), flattened."""
        if self.integer() != 2:
            raise ModelUnreadable("a tensor has an unknown version")
        count = 1
        for _ in range(4):
            count *= self.integer()
        end = self._at + 4 * count
        if not 0 < count <= len(self._data) or end > len(self._data):
            raise ModelUnreadable("a tensor is longer than the file")
        values = np.frombuffer(self._data, "<f4", count, self._at)
        self._at = end
        return values.astype(np.float32)


def _read_convolution(reader: _Reader, channels: int) -> Convolution:
    reader.seek_past(b"con_4")
    packed = reader.tensor()
    filters, rows, columns, stride, _, padding, _ = (reader.integer() for _ in range(7))
    if rows != columns or packed.size != filters * (rows * columns * channels + 1):
        raise ModelUnreadable("a convolution does not fit the one before it")
    reader.seek_past(b"affine_")
    gamma, beta = np.split(reader.tensor(), 2)
    if gamma.size != filters:
        raise ModelUnreadable("an affine layer does not fit its convolution")
    kernel = packed[:-filters].reshape(filters, channels, rows, columns).transpose(2, 3, 1, 0)
    weights = np.ascontiguousarray(kernel.reshape(-1, filters) * gamma)
    return Convolution(weights, packed[-filters:] * gamma + beta, rows, stride, padding)


def read_weights(data: bytes) -> Weights:
    """Parse the bytes of a ``dlib_face_recognition_resnet_model`` file.

    Raises ModelUnreadable when it is anything else.
    """
    reader = _Reader(data)
    reader.seek_past(b"input_rgb_image_sized")
    mean_colour = np.array([reader.real() for _ in range(3)], np.float32)
    convolutions: list[Convolution] = []
    channels = 3
    for _ in range(1 + 2 * 14):
        convolutions.append(_read_convolution(reader, channels))
        channels = convolutions[-1].bias.size
    reader.seek_past(b"fc_2")
    if reader.integer() != VECTOR_LENGTH or reader.integer() != channels:
        raise ModelUnreadable("the last layer does not give 128 numbers")
    return Weights(mean_colour, tuple(convolutions), reader.tensor().reshape(channels, -1))


def _convolve(images: Floats, layer: Convolution) -> Floats:
    """(n, h, w, c) -> (n, h', w', filters); every window becomes one row of a matrix."""
    if layer.padding:
        pad = layer.padding
        images = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    count, height, width, channels = images.shape
    rows = (height - layer.window) // layer.stride + 1
    columns = (width - layer.window) // layer.stride + 1
    by_image, by_row, by_column, by_channel = images.strides
    windows = as_strided(
        images,
        (count, rows, columns, layer.window, layer.window * channels),
        (by_image, by_row * layer.stride, by_column * layer.stride, by_row, by_channel),
        writeable=False,
    )
    result = windows.reshape(count * rows * columns, -1) @ layer.weights
    result += layer.bias
    return result.reshape(count, rows, columns, -1)


def _shrink(images: Floats, window: int, combine: np.ufunc) -> Floats:
    """Fold every window of the given side, two pixels apart, with ``combine``."""
    rows = (images.shape[1] - window) // 2 + 1
    columns = (images.shape[2] - window) // 2 + 1
    folded = images[:, : 2 * rows : 2, : 2 * columns : 2].copy()
    for index in range(1, window * window):
        top, left = divmod(index, window)
        part = images[:, top : top + 2 * rows : 2, left : left + 2 * columns : 2]
        combine(folded, part, out=folded)
    return folded


def _add(left: Floats, right: Floats) -> Floats:
    """Sum of two feature maps; the smaller one counts as zero where it has no value (dlib)."""
    if left.shape == right.shape:
        left += right
        return left
    sides = [max(sizes) for sizes in zip(left.shape, right.shape, strict=True)]
    total = np.zeros(sides, np.float32)
    for part in (left, right):
        total[tuple(slice(size) for size in part.shape)] += part
    return total


class FaceNetwork:
    """The network ready to run. Not for two threads at once beyond what numpy allows."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def embed(self, chips: Bytes) -> Floats:
        """(n, 150, 150, 3) aligned RGB chips -> (n, 128) vectors."""
        stem, *layers = self._weights.convolutions
        images = (chips.astype(np.float32) - self._weights.mean_colour) * _PIXEL_SCALE
        images = np.maximum(_convolve(images, stem), 0)
        images = _shrink(images, 3, np.maximum)
        for first, second in zip(layers[::2], layers[1::2], strict=True):
            inner = np.maximum(_convolve(images, first), 0)
            if first.stride == 2:
                images = _shrink(images, 2, np.add) * np.float32(0.25)
            images = _add(_convolve(inner, second), images)
            np.maximum(images, 0, out=images)
        vectors: Floats = images.mean(axis=(1, 2)) @ self._weights.last
        return vectors
