"""Text from outside, made safe to show: no character of it steers a terminal, a page or a log.

A service's free text may have escape sequences that wipe a sentence from a reviewer's screen, or marks that turn the
direction of what follows (Unicode Technical Report 36, *Bidirectional text spoofing*).
"""

#: Format characters that only join or separate the letters beside them: emoji and Persian need them.
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
#: What `legible` leaves as it is, though it is not printable.
KEPT = frozenset(f"\n{_JOINERS}")


def legible(text: str) -> str:
    r"""Return the text with control, format and undefined characters escaped (`\x1b`, `\u202e`); line breaks stay.

    Equal to `text` for printable text. A carriage return before a line break is part of it, and is left out.
    """
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(each if each.isprintable() or each in KEPT else _escaped(each) for each in text)


def one_line(text: str) -> str:
    """Return the text like `legible`, its line breaks escaped too: it is part of a list with one entry a line."""
    return legible(text).replace("\n", r"\n")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
