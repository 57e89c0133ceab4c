"""Pictures of faces for the tests: what a kiosk's camera would send, made from published ones.

The originals come with the source package of face_recognition and are fetched, checked by hash,
with ``deploy/pictures``. There are three of one person and one of a second, so further pictures of
either are made here by *augmentation*: another place in the frame, other light, mirrored. Such
pictures show how the code behaves; they say nothing about how well faces are told apart.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

FOLDER = Path(__file__).resolve().parents[1] / ".cache" / "pictures"

# Left, top and side of the face in each original, as the product's detector finds it.
FACES = {
    "obama": (373, 154, 250),
    "obama2": (153, 284, 295),
    "obama3": (632, 273, 327),
    "biden": (443, 233, 318),
}


@dataclass(frozen=True)
class Augmentation:
    """How a made picture differs from its original."""

    face: int = 180
    """width of the face in the frame, pixels"""
    right: int = 0
    down: int = 0
    light: float = 1.0
    mirrored: bool = False
    blur: float = 0.0


def original(name: str) -> bytes:
    """The bytes of one published picture, by file name."""
    path = FOLDER / name
    if not path.exists():
        raise FileNotFoundError(f"{name} is missing: run deploy/pictures first")
    return path.read_bytes()


def frame(
    name: str, change: Augmentation | None = None, size: tuple[int, int] = (640, 480)
) -> bytes:
    """A camera's JPEG of the person, the face in the middle unless moved."""
    return jpeg(staged(name, change or Augmentation(), size))


def frames(name: str, face: int = 180) -> list[bytes]:
    """Three frames of one sign-in: the person moves a little."""
    places = ((0, 0), (14, -6), (-10, 8))
    return [frame(name, Augmentation(face=face, right=x, down=y)) for x, y in places]


def enrolment(name: str) -> list[bytes]:
    """Three pictures good enough to enrol a person by, in different light."""
    changes = (
        Augmentation(),
        Augmentation(right=25, light=0.85),
        Augmentation(face=250, right=-20, light=1.15),
    )
    return [frame(name, change) for change in changes]


def two_people() -> bytes:
    """A frame with two people side by side."""
    left = staged("obama", Augmentation(face=140), (320, 480))
    right = staged("biden", Augmentation(face=140), (320, 480))
    both = Image.new("RGB", (640, 480))
    both.paste(left, (0, 0))
    both.paste(right, (320, 0))
    return jpeg(both)


def passer_by() -> bytes:
    """A frame of one person with somebody small behind."""
    image = staged("obama", Augmentation(face=340, right=-120), (640, 480))
    image.paste(staged("biden", Augmentation(face=120), (170, 240)), (470, 0))
    return jpeg(image)


def nobody(grey: int = 128) -> bytes:
    """A frame with nobody in it, as bright as told."""
    return jpeg(Image.new("RGB", (640, 480), (grey, grey, grey)))


def staged(name: str, change: Augmentation, size: tuple[int, int]) -> Image.Image:
    """The person before the camera, on grey where the original ends."""
    left, top, side = FACES[name]
    with Image.open(io.BytesIO(original(f"{name}.jpg"))) as opened:
        picture = opened.convert("RGB")
    scale = change.face / side
    width, height = round(picture.width * scale), round(picture.height * scale)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    stage = Image.new("RGB", size, (128, 128, 128))
    x = round(size[0] / 2 - (left + side / 2) * scale) + change.right
    y = round(size[1] / 2 - (top + side / 2) * scale) + change.down
    stage.paste(picture, (x, y))
    if change.mirrored:
        stage = ImageOps.mirror(stage)
    if change.blur:
        stage = stage.filter(ImageFilter.GaussianBlur(change.blur))
    return ImageEnhance.Brightness(stage).enhance(change.light)


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    """The image as a camera's JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def png(image: Image.Image) -> bytes:
    """The image as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
