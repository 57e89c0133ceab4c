"""文件: scans of materials, and what the center hands to a hall, as records name them.

A file itself is no record. The record names its ciphertext by hash and carries, sealed, the key
that opens it: without the personal part nobody reads the file any more.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from standards.records.declare import Field, Owner, Record
from standards.records.wording import Code, HallId, Id, Line

MEDIA = {"image/jpeg": "JPEG图片", "image/png": "PNG图片", "application/pdf": "PDF文档"}
PURPOSES = {"inspection": "检查照片", "handover": "移交文件"}
ABSENCES = {"gone": "源文件已不在", "altered": "源文件与登记不符"}

MAX_PLAIN_BYTES = 20 * 1024 * 1024

FileHash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
FileKey = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[0-9a-f]{64}\Z")]
FileBytes = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class MaterialScanned(Record, frozen=True, kw_only=True):
    """材料扫描件: one scanned file of one material of a case."""

    kind: ClassVar[str] = "material_scanned"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "材料扫描件"

    case_id: Annotated[Id, Field(label="办件", typed=False)]
    material: Annotated[Code, Field(label="材料编码", typed=False)]
    media: Annotated[Code, Field(label="文件类型", choices=MEDIA, typed=False)]
    size: Annotated[FileBytes, Field(label="文件大小", typed=False)]
    file: Annotated[FileHash, Field(label="密文散列", typed=False, file=True)]
    name: Annotated[Line, Field(label="文件名", typed=False, personal=True)] = ""
    key: Annotated[FileKey, Field(label="文件密钥", typed=False, personal=True)]


class FileMissing(Record, frozen=True, kw_only=True):
    """文件缺失: a file that a record names is not at its source any more."""

    kind: ClassVar[str] = "file_missing"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "文件缺失"

    missing: Annotated[FileHash, Field(label="密文散列", typed=False)]
    absence: Annotated[Code, Field(label="缺失原因", choices=ABSENCES, typed=False)]


class FileHanded(Record, frozen=True, kw_only=True):
    """下发文件: a file that the center hands to a hall, such as a picture of an inspection."""

    kind: ClassVar[str] = "file_handed"
    owner: ClassVar[Owner] = "center"
    label: ClassVar[str] = "下发文件"

    for_hall: Annotated[HallId, Field(label="分厅", typed=False)]
    purpose: Annotated[Code, Field(label="用途", choices=PURPOSES, typed=False)]
    about_id: Annotated[Code, Field(label="所属记录", typed=False)] = ""
    media: Annotated[Code, Field(label="文件类型", choices=MEDIA, typed=False)]
    size: Annotated[FileBytes, Field(label="文件大小", typed=False)]
    file: Annotated[FileHash, Field(label="密文散列", typed=False, file=True)]
    name: Annotated[Line, Field(label="文件名", typed=False, personal=True)] = ""
    note: Annotated[Line, Field(label="说明", personal=True)] = ""
    key: Annotated[FileKey, Field(label="文件密钥", typed=False, personal=True)]
