"""Faces for the benches: people and their vectors, from pictures or from a file of vectors."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

ALIKE_BETWEEN, ALIKE_WITHIN = 0.69, 0.74
WORSE_SIDE = 480
"""Pixels of the shorter side of a picture shown worse: as a kiosk's camera gives."""

People = dict[str, "np.ndarray"]


@dataclass(frozen=True)
class Population:
    """People whose pictures are enrolled, and the same pictures as a terminal may see them."""

    enrolled: People
    shown: People

    @classmethod
    def plain(cls, people: People) -> Population:
        """Enrolled and shown alike."""
        return cls(people, people)

    def only(self, names: list[str]) -> Population:
        """Some of the people."""
        return Population(
            {name: self.enrolled[name] for name in names},
            {name: self.shown[name] for name in names},
        )


def fold_of(name: str, folds: int) -> int:
    """Where a person belongs, by the SHA-256 of the name: anybody can check it, nobody chooses."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % folds


def folds_of(population: Population, folds: int) -> dict[str, Population]:
    """Parts that share nobody."""
    names: dict[str, list[str]] = {f"fold {k + 1} of {folds}": [] for k in range(folds)}
    for name in population.enrolled:
        names[f"fold {fold_of(name, folds) + 1} of {folds}"].append(name)
    return {fold: population.only(them) for fold, them in names.items()}


def of_vectors(path: Path) -> People:
    """The people of a file of vectors."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        vectors = file["emb"].astype(np.float32)
        if "flip" in file:
            vectors = (vectors + file["flip"].astype(np.float32)) / 2
        owners = [str(name).split("/")[0] for name in file["names"]]
    return grouped(owners, list(vectors))


def grouped(owners: list[str], vectors: list[Any]) -> People:
    """Vectors by person."""
    import numpy as np

    found: dict[str, list[Any]] = {}
    for owner, vector in zip(owners, vectors, strict=True):
        found.setdefault(owner, []).append(vector)
    return {owner: np.stack(found[owner]) for owner in sorted(found)}


def worsened(data: bytes) -> bytes:
    """The same as a bad camera in a dim hall gives it: out of focus, dark, hard packed."""
    from PIL import Image, ImageEnhance, ImageFilter

    with Image.open(io.BytesIO(data)) as picture:
        scale = WORSE_SIDE / min(picture.size)
        size = round(picture.width * scale), round(picture.height * scale)
        dim = ImageEnhance.Brightness(picture.convert("RGB").resize(size)).enhance(0.55)
    out = io.BytesIO()
    dim.filter(ImageFilter.GaussianBlur(2)).save(out, "JPEG", quality=40)
    return out.getvalue()


def of_worse_pictures(folder: Path) -> Population:
    """The people of a folder, enrolled by good pictures, and shown worsened where a face is found.

    What the terminal's gate refuses is not shown: people are told to stand better.
    """
    from attendance.agreement import open_meter
    from attendance.errors import FaceError
    from attendance.quality import SIGN_IN, refusal

    meter = open_meter()[0]
    owners, good, bad, refused = [], [], [], 0
    for owner, data in pictures_in(folder):
        try:
            plain, worse = meter.measure(data), meter.measure(worsened(data))
        except FaceError:
            refused += 1
            continue
        if refusal(worse.quality, SIGN_IN):
            refused += 1
            continue
        owners.append(owner)
        good.append(plain.vector)
        bad.append(worse.vector)
    print(f"worsened: {refused} of {refused + len(owners)} pictures refused by the gate")
    return Population(grouped(owners, good), grouped(owners, bad))


def of_pictures(folder: Path) -> tuple[People, People]:
    """The people of a folder, measured by ours and by the bare library on the same pictures."""
    from attendance import faces
    from attendance.agreement import open_meter
    from attendance.errors import FaceError

    meter, library = open_meter()[0], faces.reference_library()
    owners, ours, theirs, unseen = [], [], [], [0, 0, 0]
    for owner, data in pictures_in(folder):
        image = library.load_image_file(io.BytesIO(data))
        bare = library.face_encodings(image, library.face_locations(image))
        try:
            vector = meter.measure(data).vector
        except FaceError:
            vector = None
        unseen = [unseen[0] + 1, unseen[1] + (vector is None), unseen[2] + (len(bare) != 1)]
        if vector is not None and bare:
            owners.append(owner)
            ours.append(vector)
            theirs.append(bare[0])
    print(
        f"{unseen[0]} pictures; not one face found: ours {unseen[1]}, face_recognition {unseen[2]}"
    )
    return grouped(owners, ours), grouped(owners, theirs)


def pictures_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Whose picture, and its bytes as JPEG or PNG: other formats are written anew, without loss."""
    from PIL import Image

    for path in sorted(folder.glob("*/*")):
        kind = path.suffix.lower()
        if kind in (".jpg", ".jpeg", ".png"):
            yield path.parent.name, path.read_bytes()
        elif kind in (".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"):
            anew = io.BytesIO()
            with Image.open(path) as picture:
                picture.convert("RGB").save(anew, "PNG")
            yield path.parent.name, anew.getvalue()


def drawn_together(people: People) -> People:
    """People and their pictures nearer to each other than they are."""
    import numpy as np

    means = {name: vectors.mean(axis=0) for name, vectors in people.items()}
    middle = np.mean(list(means.values()), axis=0)
    return {
        name: middle
        + ALIKE_BETWEEN * (means[name] - middle)
        + ALIKE_WITHIN * (vectors - means[name])
        for name, vectors in people.items()
    }
