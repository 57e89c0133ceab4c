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


class _Memory:
    """Room for one matrix of windows and one of results, which all layers of a run share.

    Fresh arrays come from the operating system page by page, and arrays of their own for each
    layer would be cold each time: both take longer than the multiplication saves.
    """

    def __init__(self) -> None:
        self._room: dict[str, Floats] = {}

    def take(self, use: str, shape: tuple[int, ...]) -> Floats:
        """An array in the shared room; what another layer left there is lost."""
        size = int(np.prod(shape))
        room = self._room.get(use)
        if room is None or room.size < size:
            room = self._room[use] = np.empty(size, np.float32)
        return room[:size].reshape(shape)


class _Layer:
    """One convolution of a fixed number of images, ready to run."""

    def __init__(self, layer: Convolution, images: Floats, memory: _Memory) -> None:
        """``images`` is the padded input that is filled before each run."""
        self._layer = layer
        self.bias = layer.bias
        self._memory = memory
        count, height, width, channels = images.shape
        window, stride = layer.window, layer.stride
        rows, columns = (height - window) // stride + 1, (width - window) // stride + 1
        by_image, by_row, by_column, by_channel = images.strides
        self._windows = as_strided(
            images,
            (count, rows, columns, window, window * channels),
            (by_image, by_row * stride, by_column * stride, by_row, by_channel),
            writeable=False,
        )
        self._rows = count * rows * columns
        self.shape = (count, rows, columns, layer.bias.size)

    def run(self) -> Floats:
        """Every window becomes one row of a matrix. The result is good until the next run."""
        result = self.run_without_bias()
        result += self.bias
        return result

    def run_without_bias(self) -> Floats:
        """The same before the bias is added."""
        layer = self._layer
        matrix = self._memory.take("windows", (self._rows, layer.weights.shape[0]))
        np.copyto(matrix.reshape(self._windows.shape), self._windows)
        result = self._memory.take("results", (self._rows, layer.bias.size))
        np.matmul(matrix, layer.weights, out=result)
        return result.reshape(self.shape)


def _padded(count: int, sides: tuple[int, ...], padding: int) -> tuple[Floats, Floats]:
    """Zeros with a rim, and the view inside the rim."""
    height, width, channels = sides
    whole = np.zeros((count, height + 2 * padding, width + 2 * padding, channels), np.float32)
    return whole, whole[:, padding : padding + height, padding : padding + width]


def _middle_of(layer: Convolution) -> Convolution:
    """The same for an image of one pixel: all around it is rim, and a ninth of the weights acts."""
    channels = len(layer.weights) // 9
    return Convolution(layer.weights[4 * channels : 5 * channels], layer.bias, 1, 1, 0)


class _Block:
    """Two convolutions and the way around them, which halves the image where the first one does."""

    def __init__(
        self, pair: tuple[Convolution, Convolution], images: Floats, memory: _Memory
    ) -> None:
        """``images`` has a rim of one zero, which a convolution without padding does not see."""
        first, second = pair
        self._inside = images[:, 1:-1, 1:-1]
        self._is_halving = first.stride == 2
        self._first = _Layer(first, images if first.padding else self._inside, memory)
        count, *sides = self._first.shape
        if sides[:2] == [1, 1] and second.window == 3:
            second = _middle_of(second)
        whole, self._inner = _padded(count, tuple(sides), second.padding)
        self._second = _Layer(second, whole, memory)
        around, through = self._inside.shape, self._second.shape
        if self._is_halving:
            around = (count, around[1] // 2, around[2] // 2, around[3])
        # Where one of the two has no value it counts as zero (dlib).
        both = [max(pair) for pair in zip(around, through, strict=True)]
        self._around = np.empty(around, np.float32)
        self.images, self._total = _padded(count, tuple(both[1:]), 1)
        self._for_around = self._total[tuple(slice(size) for size in around)]
        self._for_through = self._total[tuple(slice(size) for size in through)]

    def run(self) -> None:
        """Fill ``images`` of this block from those of the one before."""
        np.maximum(self._first.run(), 0, out=self._inner)
        through = self._second.run()
        if self._is_halving:
            _shrink(self._inside, 2, np.add, self._around)
            np.multiply(self._around, np.float32(0.25), out=self._around)
            self._total.fill(0)
            self._for_around += self._around
            self._for_through += through
        else:
            np.add(self._inside, through, out=self._total)
        np.maximum(self._total, 0, out=self._total)


def _shrink(images: Floats, window: int, combine: np.ufunc, out: Floats) -> None:
    """Fold every window of the given side, two pixels apart, with ``combine``."""
    rows, columns = out.shape[1:3]
    np.copyto(out, images[:, : 2 * rows : 2, : 2 * columns : 2])
    for index in range(1, window * window):
        top, left = divmod(index, window)
        part = images[:, top : top + 2 * rows : 2, left : left + 2 * columns : 2]
        combine(out, part, out=out)


_ONE_BY_ONE: Final = 7
"""So many blocks run chip after chip, because their images fill the cache; the others run for all
chips at once, because their weights do."""


class FaceNetwork:
    """The network ready to run. Belongs to one thread: its memory is written at each run."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._memory = _Memory()
        self._chip = np.empty((1, CHIP_SIDE, CHIP_SIDE, 3), np.float32)
        stem, *layers = weights.convolutions
        self._stem = _Layer(stem, self._chip, self._memory)
        _, height, width, channels = self._stem.shape
        sides = ((height - 3) // 2 + 1, (width - 3) // 2 + 1, channels)
        images, self._start = _padded(1, sides, 1)
        pairs = list(zip(layers[::2], layers[1::2], strict=True))
        self._early = self._blocks(pairs[:_ONE_BY_ONE], images)
        self._late_pairs = pairs[_ONE_BY_ONE:]
        self._late: dict[int, tuple[Floats, list[_Block]]] = {}

    def embed(self, chips: Bytes) -> Floats:
        """(n, 150, 150, 3) aligned RGB chips -> (n, 128) vectors."""
        images, blocks = self._late_for(len(chips))
        for index, chip in enumerate(chips):
            np.subtract(chip, self._weights.mean_colour, out=self._chip[0])
            np.multiply(self._chip, _PIXEL_SCALE, out=self._chip)
            # The greatest stays the greatest when all are raised or cut off alike.
            _shrink(self._stem.run_without_bias(), 3, np.maximum, self._start)
            np.add(self._start, self._stem.bias, out=self._start)
            np.maximum(self._start, 0, out=self._start)
            for block in self._early:
                block.run()
            images[index] = self._early[-1].images[0]
        for block in blocks:
            block.run()
        vectors: Floats = blocks[-1].images[:, 1:-1, 1:-1].mean(axis=(1, 2)) @ self._weights.last
        return vectors

    def _blocks(self, pairs: list[tuple[Convolution, Convolution]], images: Floats) -> list[_Block]:
        blocks: list[_Block] = []
        for pair in pairs:
            blocks.append(_Block(pair, images, self._memory))
            images = blocks[-1].images
        return blocks

    def _late_for(self, count: int) -> tuple[Floats, list[_Block]]:
        found = self._late.get(count)
        if found is None:
            images = np.zeros((count, *self._early[-1].images.shape[1:]), np.float32)
            found = self._late[count] = images, self._blocks(self._late_pairs, images)
        return found
