"""The one exception for what a person typed wrong.

Knows nothing of pages or HTTP; the shell turns it into a form with messages (422).
"""

from collections.abc import Mapping


class Invalid(Exception):
    """Fields a person has to correct.

    `fields` maps a field name to a Chinese message that says what to do; the empty name ""
    stands for the form as a whole.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in fields.items()))
        self.fields: dict[str, str] = dict(fields)
