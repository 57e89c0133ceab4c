"""换钥: a hall goes over to new keys; said under the old key, proved by the new one."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from standards.records.declare import Field, Owner, Record
from standards.records.wording import Line

Statement = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class KeysRotated(Record, frozen=True, kw_only=True):
    """换钥: the hall's new public keys, as a note signed by the new signing key.

    ``succeeds`` is the signing key they follow (a verifier key). The center lists the new keys from
    the next epoch on while that key is the hall's newest; private keys never leave the machine.
    """

    kind: ClassVar[str] = "keys_rotated"
    owner: ClassVar[Owner] = "hall"
    label: ClassVar[str] = "换钥"

    statement: Annotated[Statement, Field(label="新密钥声明", typed=False)]
    succeeds: Annotated[Line, Field(label="接替的公钥", typed=False)] = ""
