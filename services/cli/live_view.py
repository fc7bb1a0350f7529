"""The console of a long command: lines of text, and on a terminal one table that is redrawn in place."""

from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from services.outside_text import legible


class LiveView:
    """A console whose table is redrawn while the view is entered. Away from a terminal no table is drawn."""

    def __init__(self, redraws_per_second: float) -> None:
        # Text of records is text: brackets in it are no markup, and colons no emoji.
        self.console = Console(soft_wrap=True, markup=False, emoji=False)
        self._redraws_per_second = redraws_per_second
        self._live: Live | None = None

    def report(self, text: str) -> None:
        """Print a line above the table."""
        self.console.print(legible(text), style="dim", highlight=False)

    def __enter__(self) -> Self:
        """Begin to draw, on a terminal."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=self._redraws_per_second)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; the last table stays on the terminal."""
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

    @property
    def _is_drawing(self) -> bool:
        return self._live is not None

    def _draw(self, table: RenderableType) -> None:
        if self._live is not None:
            self._live.update(table)
