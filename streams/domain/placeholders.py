"""What software writes in the place of something unknown: data, each row with its reason.

A placeholder is no fact. An identifier that is one is nobody's: strangers would become one person. A real person may
have such an account or date; then two persons are kept apart, or a question is asked. See decision 0032.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from types import MappingProxyType

_KEYS = enumerate(("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"), 2)
_KEYPAD = {letter: str(digit) for digit, letters in _KEYS for letter in letters}


def _keyed(word: str) -> str:
    return "".join(_KEYPAD[letter] for letter in word)


#: Digits that carriers put in the place of a number that the caller withheld → the word that they spell on a keypad.
WITHHELD = MappingProxyType(
    {
        _keyed(word): word
        for word in ("anonymous", "restricted", "unavailable", "unknown", "blocked", "private", "withheld")
    }
)

#: Dates of birth that software writes for an unknown one, and of which software.
BIRTHS = MappingProxyType(
    {
        date(1899, 12, 30): "day 0 of OLE Automation, Access and Delphi",
        date(1899, 12, 31): "day 0 of Lotus 1-2-3, and the day before day 1 of Excel",
        date(1900, 1, 1): "day 0 of SQL Server and day 1 of Excel",
        date(1901, 1, 1): "the first year of a YEAR of MySQL",
        date(1904, 1, 1): "day 0 of classic Mac OS and of Excel for the Macintosh",
    }
)

#: Days on which a clock begins that was reset or never set, and of which clock. Earlier ones, such as 1970-01-01, are
#: before `earliest` of each policy.
RESET_DAYS = MappingProxyType(
    {
        date(2000, 1, 1): "clocks of phones, routers, PCs and databases without a battery",
        date(2001, 1, 1): "time 0 of Apple's Cocoa",
    }
)
#: The moment after which no day of `RESET_DAYS` follows.
RESETS_END = datetime(2001, 1, 2, tzinfo=UTC)

#: Words for no account, in the form of `_core`: values of programming languages and databases, then words of forms and
#: of forum software.
_NO_ACCOUNT = frozenset(
    {
        *("null", "nil", "none", "nan", "undefined", "0", "n a", "na", "not applicable", "not available", "not known"),
        *("not given", "not provided", "unspecified", "no account", "nobody", "no one", "anonymous", "anon"),
        *("anonymous user", "unknown", "unknown user", "guest", "guest user", "withheld", "redacted", "removed"),
        *("removed user", "deleted", "deleted user", "deleted account"),
    }
)
#: Words before the `@` for no mailbox, in the same form. Short ones, such as initials, may be a mailbox.
_NO_MAILBOX = frozenset(
    {
        *("null", "none", "undefined", "anonymous", "unknown", "nobody", "deleted", "redacted", "withheld"),
        *("no reply", "noreply", "do not reply", "donotreply", "no email", "noemail"),
    }
)
#: What a sender may put before the name of an account, in the same form.
_BEFORE_NAMES = frozenset({"forum", "text line", "account", "user", "member", "id", "uid"})
_BETWEEN_WORDS = re.compile(r"[\W_]+")
#: It is a symbol by its Unicode category, and no dot of it is seen.
_BLANK_BRAILLE = "\N{BRAILLE PATTERN BLANK}"


def is_no_account(account: str) -> bool:
    """Return whether an account is a word for none, or has no letter, digit or emoji.

    A prefix such as `forum:` does not count.
    """
    before, _, name = account.partition(":")
    named = name if _core(before) in _BEFORE_NAMES else account
    return named.strip() == "-1" or not any(_names(each) for each in named) or _core(named) in _NO_ACCOUNT


def is_no_mailbox(local: str) -> bool:
    """Return whether the part of an address before the `@` is a word for no mailbox, or has no letter or digit."""
    return (core := _core(local)) == "" or core in _NO_MAILBOX


def _names(character: str) -> bool:
    kind = unicodedata.category(character)
    # So: an emoji, for example; the other symbols are punctuation here.
    return character != _BLANK_BRAILLE and (kind[0] in "LN" or kind == "So")


def _core(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
