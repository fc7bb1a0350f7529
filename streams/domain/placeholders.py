"""What software writes in the place of something unknown: data, each row with its reason.

A placeholder is no fact. An identifier that is one is nobody's: strangers would become one person. A real person may
have such an account or date; then two persons are kept apart, or a question is asked. See decision 0032.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from types import MappingProxyType

from schemas.fields import EMPTY_BIRTH

_KEYS = enumerate(("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz"), 2)
_KEYPAD = {letter: str(digit) for digit, letters in _KEYS for letter in letters}


def _keyed(word: str) -> str:
    return "".join(_KEYPAD[letter] for letter in word)


#: Digits that carriers put in the place of a number that the caller withheld → the word that they spell on a keypad.
WITHHELD = MappingProxyType(
    {
        _keyed(word): word
        for word in (
            *("anonymous", "restricted", "unavailable", "unknown", "blocked", "private", "withheld"),
            *("outofarea", "nocallerid", "notavailable", "notprovided", "nonumber"),
        )
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
        date(1911, 11, 11): "eleven, four times: typed into a form that asks for a date",
        date(1970, 1, 1): "day 0 of Unix and Java, by far the most frequent",
        EMPTY_BIRTH: "the last day of databases; the empty field of a form is read as it too",
    }
)

#: Stated ages that software and people write for an unknown one, and how they come about.
AGES = MappingProxyType({99: "the largest number of two digits"})
#: The largest stated age that counts. Larger ones are 111, 120, 999, or a year since 1900 far more often than an age.
OLDEST_STATED = 110

#: Latitude and longitude that software writes for an unknown location, and how they come about.
POINTS = MappingProxyType({(0.0, 0.0): "numbers that nothing set; it is open sea"})

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
        *("removed user", "deleted", "deleted user", "deleted account", "visitor", "unregistered", "unregistered user"),
        *("anonymised", "anonymized", "anonymised user", "anonymized user", "none given", "object object"),
    }
)
#: What stands between the signs of a template for a field that it did not fill.
_TEMPLATE_FIELDS = frozenset(
    {"account", "account id", "accountid", "id", "name", "uid", "user", "user id", "userid", "user name", "username"}
)
#: Templates that were not filled: no name of a person has such signs.
_TEMPLATE = re.compile(r"\{\{.*\}\}|[$#]\{.*\}|\$\(.*\)|<%.*%>|%\(.*\)[a-z]|%[sdiu]", re.DOTALL)
#: Signs of templates around which a person may write a name too: what is between them decides.
_SINGLE_SIGNS = re.compile(r"\{(.*)\}|<(.*)>|\[(.*)\]|%(.*)%", re.DOTALL)
#: Words before the `@` for no mailbox, in the same form. Short ones, such as initials, may be a mailbox.
_NO_MAILBOX = frozenset(
    {
        *("null", "none", "undefined", "anonymous", "unknown", "nobody", "deleted", "redacted", "withheld"),
        *("no reply", "noreply", "do not reply", "donotreply", "no email", "noemail", "no mail", "nomail"),
        *("not provided", "notprovided", "none given", "no one", "noone", "guest"),
    }
)
#: Top-level domains in which no mailbox is. Documents and tests use `example` and `test` for people.
_NO_DOMAINS = (".invalid", ".localhost")
#: What a sender may put before the name of an account, in the same form.
_BEFORE_NAMES = frozenset({"forum", "text line", "account", "user", "member", "id", "uid"})
_BETWEEN_WORDS = re.compile(r"[\W_]+")
#: It is a symbol by its Unicode category, and no dot of it is seen.
_BLANK_BRAILLE = "\N{BRAILLE PATTERN BLANK}"


def is_no_account(account: str) -> bool:
    """Return whether an account is a word for none, or has no letter, digit or emoji.

    Prefixes such as `forum:` do not count. Such words one after another, such as `null null`, are none either.
    """
    named = account
    while (parts := named.partition(":"))[1] and _core(parts[0]) in _BEFORE_NAMES:
        named = parts[2]
    named = named.strip()
    return named == "-1" or not any(_names(each) for each in named) or _is_template(named) or _is_none(_core(named))


def is_no_mailbox(local: str, domain: str) -> bool:
    """Return whether an address is a placeholder: its part before the `@` is a word for no mailbox, or no mailbox is
    in its domain. A short word counts if the domain repeats it, as in `na@na.com`. What follows a `+` does not count.
    """
    core = _core(local.partition("+")[0] or local)
    repeated = core in _NO_ACCOUNT and core == _core(domain.partition(".")[0])
    return core == "" or core in _NO_MAILBOX or repeated or domain.casefold().endswith(_NO_DOMAINS)


def is_no_number(digits: str) -> bool:
    """Return whether the digits of a phone after its country code are one digit, or all zeros after the first."""
    rest = digits.lstrip("0")
    return len(set(rest)) <= 1 or not rest[1:].strip("0")


def is_no_age(age: int) -> bool:
    """Return whether a stated age is one that is written for an unknown one."""
    return age in AGES or age > OLDEST_STATED


def _is_none(core: str) -> bool:
    words = core.split()
    # Without a word it is an emoji.
    return core in _NO_ACCOUNT or (bool(words) and all(word in _NO_ACCOUNT or not word.strip("0") for word in words))


def _is_template(named: str) -> bool:
    if _TEMPLATE.fullmatch(named):
        return True
    single = _SINGLE_SIGNS.fullmatch(named)
    return single is not None and _core(single[single.lastindex or 0]) in _TEMPLATE_FIELDS


def _names(character: str) -> bool:
    kind = unicodedata.category(character)
    # So: an emoji, for example; the other symbols are punctuation here.
    return character != _BLANK_BRAILLE and (kind[0] in "LN" or kind == "So")


def _core(text: str) -> str:
    return _BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
