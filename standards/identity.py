"""Identity numbers of people and bodies, telephone numbers, and how they are masked.

Every `check_*` returns the number in its one normal form or raises `BadIdentity` with a message
for the clerk.  This module never asks whether a number was really issued: it knows the shape,
the check character and, for a resident number, whether the birth date can exist.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import NamedTuple


class BadIdentity(ValueError):
    """A number that cannot be right; `str(error)` is the Chinese message for the clerk."""


ERASED = "已依法删除"
"""What stands on every page instead of a value that was erased by order; no mask touches it."""
SHUT = "密钥遗失，读不出"
"""What stands instead of a value whose key is gone, until the other side brings it again."""
IN_PLACE = (ERASED, SHUT)

_LONGEST = 64
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def _typed(text: str) -> str:
    """What was typed, in half-width capitals without blanks."""
    if len(text) > _LONGEST:
        raise BadIdentity("号码过长,请核对后重新输入")
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()


def resident_check_character(first17: str) -> str:
    """Check character over the first 17 digits (GB 11643-1999, ISO 7064 MOD 11-2)."""
    total = sum(
        weight * int(digit) for weight, digit in zip(_RESIDENT_WEIGHTS, first17, strict=True)
    )
    return _RESIDENT_CHECKS[total % 11]


def _check_birth_and_character(number: str, today: date | None) -> str:
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise BadIdentity("证件号码中的出生日期不存在,请逐位核对第7至14位") from None
    if today is not None and born > today:
        raise BadIdentity("证件号码中的出生日期晚于今天,请逐位核对第7至14位")
    if resident_check_character(number[:17]) != number[17]:
        raise BadIdentity("证件号码校验位不符,请逐位核对")
    return number


def check_resident_number(text: str, today: date | None = None) -> str:
    """Resident identity number of 18 characters (GB 11643), normalised to capital X.

    The region is not looked up: old cards keep the codes of merged regions, and 810000, 820000
    and 830000 stand on the residence permits of Hong Kong, Macao and Taiwan residents.
    With `today` given, a birth date after it is refused.
    """
    number = _typed(text)
    if not number:
        raise BadIdentity("请填写身份证号码")
    if re.fullmatch(r"[0-9]{15}", number):
        raise BadIdentity("15位的第一代身份证已于2013年停用,请填写18位身份证号码")
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        raise BadIdentity("身份证号码应为18位:前17位是数字,末位是数字或X")
    if number[0] == "0":
        raise BadIdentity("身份证号码的第1位不能是0,请逐位核对")
    if number[0] == "9":
        raise BadIdentity("以9开头的是外国人永久居留身份证,请改选证件类型")
    return _check_birth_and_character(number, today)


def credit_check_character(first17: str) -> str:
    """Check character over the first 17 characters of a credit code (GB 32100-2015)."""
    total = sum(
        _CREDIT_ALPHABET.index(character) * pow(3, place, 31)
        for place, character in enumerate(first17)
    )
    return _CREDIT_ALPHABET[-total % 31]


def check_credit_code(text: str) -> str:
    """Unified social credit code of 18 characters (GB 32100), normalised to capitals."""
    code = _typed(text)
    if not code:
        raise BadIdentity("请填写统一社会信用代码")
    if re.fullmatch(r"[0-9A-Z]{18}", code) and set(code) & set("IOSVZ"):
        raise BadIdentity("统一社会信用代码中没有字母I、O、S、V、Z,请核对是否为数字1、0、5、2")
    if not re.fullmatch(rf"[{_CREDIT_ALPHABET}]{{2}}[0-9]{{6}}[{_CREDIT_ALPHABET}]{{10}}", code):
        raise BadIdentity("统一社会信用代码应为18位数字和大写字母,第3至8位是数字")
    if credit_check_character(code[:17]) != code[17]:
        raise BadIdentity("统一社会信用代码校验位不符,请逐位核对")
    return code


def check_mobile(text: str) -> str:
    """Mobile number of mainland China: 11 digits, without +86, blanks or hyphens."""
    number = re.sub(r"^(\+|00)86", "", _typed(text)).replace("-", "")
    if not number:
        raise BadIdentity("请填写手机号码")
    if not re.fullmatch(r"1[3-9][0-9]{9}", number):
        raise BadIdentity("手机号码应为11位数字,以13至19开头")
    return number


def check_phone(text: str) -> str:
    """Mobile number, or landline as `area-number` with an optional `-extension`."""
    number = _typed(text).replace("(", "").replace(")", "-").replace("--", "-")
    if not number:
        raise BadIdentity("请填写联系电话")
    # 010 and 02x are the only three-digit area codes; all others have four digits.
    landline = re.fullmatch(
        r"(010|02[0-9]|0[3-9][0-9]{2})-?([2-9][0-9]{6,7})(-[0-9]{1,6})?", number
    )
    if landline:
        return f"{landline[1]}-{landline[2]}{landline[3] or ''}"
    if number.startswith("0") and not number.startswith("0086"):
        raise BadIdentity("固定电话应为区号加7至8位号码,例如0435-3912345")
    return check_mobile(number)


def _check_foreign_permanent(text: str, today: date | None) -> str:
    number = _typed(text)
    if re.fullmatch(r"[A-Z]{3}[0-9]{12}", number):
        return number
    if re.fullmatch(r"9[0-9]{16}[0-9X]", number):
        return _check_birth_and_character(number, today)
    raise BadIdentity("外国人永久居留身份证号码应为3个字母加12位数字,或以9开头的18位号码")


class Paper(NamedTuple):
    """A kind of identity paper: name for the clerk, shape in words, and its check."""

    name: str
    shape: str
    check: Callable[[str, date | None], str]


def _shaped(name: str, pattern: str, shape: str) -> Paper:
    def check(text: str, today: date | None) -> str:
        number = _typed(text)
        if not re.fullmatch(pattern, number):
            raise BadIdentity(f"{name}号码应为{shape}")
        return number

    return Paper(name, shape, check)


# Codes of GA/T 2000.156 as exchanged by the national platform.
PAPERS: dict[str, Paper] = {
    "111": Paper("居民身份证", "18位号码", check_resident_number),
    "414": _shaped("护照", r"[A-Z0-9]{5,17}", "5至17位字母或数字,例如E12345678"),
    "511": _shaped("台湾居民来往大陆通行证", r"[0-9]{8}", "8位数字"),
    "516": _shaped(
        "港澳居民来往内地通行证", r"[HM][0-9]{8}", "H或M加8位数字,不填卡面末尾的换证次数"
    ),
    "553": Paper(
        "外国人永久居留身份证", "3个字母加12位数字或9开头的18位号码", _check_foreign_permanent
    ),
}


def check_paper(kind: str, text: str, today: date | None = None) -> str:
    """The number of a paper of `kind` (a key of `PAPERS`) in its normal form."""
    paper = PAPERS.get(kind)
    if paper is None:
        raise BadIdentity("不认识的证件类型,请重新选择")
    if not text.strip():
        raise BadIdentity(f"请填写{paper.name}号码")
    return paper.check(text, today)


def mask_id(text: str) -> str:
    """A paper's number with its middle hidden: 6+4 of 18 characters, else a quarter each side."""
    if text in IN_PLACE:
        return text
    head, tail = (6, 4) if len(text) == 18 else (len(text) // 4, len(text) // 4)
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


def mask_phone(text: str) -> str:
    """A telephone number with its middle hidden: 3+4 of a mobile number, else the last 3."""
    if text in IN_PLACE:
        return text
    if len(text) == 11 and text.isdigit():
        return text[:3] + "****" + text[-4:]
    area, hyphen, rest = text.partition("-")
    if not hyphen or not area.startswith("0"):
        area, hyphen, rest = "", "", text
    shown = 3 if len(rest) >= 7 else 0
    return area + hyphen + "*" * (len(rest) - shown) + rest[len(rest) - shown :]


def mask_name(text: str) -> str:
    """A person's name with only its first character left; a single character is hidden too."""
    if text in IN_PLACE:
        return text
    return "*" if len(text) == 1 else text[:1] + "*" * min(len(text) - 1, 4)
