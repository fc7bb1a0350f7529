"""Says whether a person can read a text: it has words, and hardly any character that says nothing.

Blanks, characters that are invisible, and binary content written as letters (base64, hexadecimal digits) are no text:
nobody has seen what is in them.
"""

import re
from typing import Any

from schemas.fields import mended
from services.outside_text import KEPT

#: Text may have one damaged or unprintable character in so many; a short one has a few.
_CHARACTERS_OF_ONE = 20
_A_FEW = 3
_OF_SHORT_TEXT = 4
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: Letters and marks that have no form, though Unicode calls them printable: fillers, selectors, a braille blank.
_FORMLESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
    # Emoji and Persian have single joiners and selectors. A row of them is hidden content.
    "|[\u200c\u200d\ufe0e\ufe0f]{3,}"
)
_ALPHANUMERIC = re.compile(r"[^\W_]+")
#: One part in so many of the letters and digits is in words. Of base64 and hexadecimal digits hardly any is.
_PART_IN_WORDS = 5
#: A shorter word of ASCII letters counts only if it stands alone: binary content has such pieces by chance.
_CHANCE_LETTERS = 4
#: The longest word of ASCII letters. Scripts without spaces have longer ones.
_LONGEST_WORD = 32
#: What may be beside a short word, and what is beside no word of a text.
_BESIDE = frozenset(" \t\r\n\v\f\"'.,;:!?()")
_BESIDE_NONE = frozenset("#$%*<>\\^`|~")
#: Hexadecimal digits in groups: some of them are letters alone.
_HEXADECIMAL = re.compile(r"(?=.*[0-9])[0-9A-Fa-f\s:,.-]*", re.DOTALL)
#: A text of JSON that is longer and has no words is binary content.
_LONGEST_REFERENCE = 64


def is_readable(text: str) -> bool:
    """Return whether a person can read the text, but for a few characters."""
    text = text.replace("\r\n", "\n")
    formless = sum(len(found[0]) for found in _FORMLESS.finditer(text))
    text = _FORMLESS.sub("", text)
    readable = sum((each.isprintable() or each in KEPT or each == "\t") and each != _REPLACEMENT for each in text)
    length = len(text) + formless
    unreadable = length - readable
    is_damaged = unreadable > max(length // _CHARACTERS_OF_ONE, min(_A_FEW, length // _OF_SHORT_TEXT))
    return not is_damaged and _has_words(text)


def is_readable_json(value: Any) -> bool:
    """Return whether a person can read what an object or a list of JSON says: most of its names and texts have words.

    An empty object says nothing, and a person sees that.
    """
    texts: list[str] = []
    numbers = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            texts += each.keys()
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
            # The contract has no list of numbers: they are bytes.
            numbers += sum(isinstance(item, int | float) for item in each)
        elif isinstance(each, str):
            texts.append(each)
    binary = sum(len(text) for text in texts if len(text) > _LONGEST_REFERENCE and not is_readable(text))
    is_mostly_binary = (binary + numbers) * 2 > sum(map(len, texts)) + numbers
    return not is_mostly_binary and (not texts or is_readable(mended("\n".join(reversed(texts)))))


def _has_words(text: str) -> bool:
    if _HEXADECIMAL.fullmatch(text):
        return False
    of_words = every = 0
    for found in _ALPHANUMERIC.finditer(text):
        every += len(found[0])
        if _is_word(found[0], text[max(found.start() - 1, 0) : found.start()], text[found.end() : found.end() + 1]):
            of_words += len(found[0])
    return 0 < every <= of_words * _PART_IN_WORDS


def _is_word(piece: str, before: str, after: str) -> bool:
    """Return whether letters between these characters are a word, in the case of a word: `He`, `NHS`, `has`."""
    if not piece.isalpha():
        return False
    if piece != piece.lower() and piece != piece.upper() and piece[1:] != piece[1:].lower():
        return False
    if not piece.isascii():
        return True
    if before in _BESIDE_NONE or after in _BESIDE_NONE:
        return False
    is_alone = (not before or before in _BESIDE) and (not after or after in _BESIDE)
    return len(piece) <= _LONGEST_WORD and (len(piece) >= _CHANCE_LETTERS or is_alone)
