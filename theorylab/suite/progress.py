"""How a running build looks: moving lines on a terminal, one line per event elsewhere."""

from __future__ import annotations

from typing import Any, Protocol, TextIO

from theorylab.suite.launch import NotebookError

__all__ = ["PlainProgress", "Progress", "RichProgress", "progress_for", "spoken"]


def spoken(seconds: float) -> str:
    """A duration in words short enough for a progress line.

    Parameters
    ----------
    seconds : float
        Duration in seconds.

    Returns
    -------
    str
        For example ``1 min 05 s``.

    Examples
    --------
    >>> spoken(7.25), spoken(65)
    ('7.2 s', '1 min 05 s')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


class Progress(Protocol):
    """What a build tells of; called from several threads."""

    def begin(self, count: int, expected: float | None) -> None:
        """Notebooks to run, and the seconds that they took last time; None when that is not known."""

    def started(self, name: str, expected: float | None) -> None:
        """A notebook was started."""

    def finished(self, name: str, seconds: float) -> None:
        """A notebook ran to its end."""

    def failed(self, failure: NotebookError) -> None:
        """A notebook did not."""

    def end(self) -> None:
        """Nothing more will come."""


class PlainProgress:
    """One line per event.

    Parameters
    ----------
    stream : TextIO
        Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def begin(self, count: int, expected: float | None) -> None:
        """See :class:`Progress`."""
        self._line(_opening(count, expected))

    def started(self, name: str, expected: float | None) -> None:
        """See :class:`Progress`."""
        self._line(f"start  {name}" + (f" (last time {spoken(expected)})" if expected is not None else ""))

    def finished(self, name: str, seconds: float) -> None:
        """See :class:`Progress`."""
        self._line(f"done   {name} in {spoken(seconds)}")

    def failed(self, failure: NotebookError) -> None:
        """See :class:`Progress`."""
        self._line(str(failure))

    def end(self) -> None:
        """See :class:`Progress`."""

    def _line(self, text: str) -> None:
        self.stream.write(f"{text}\n")  # one call, so that lines of several threads do not mix
        self.stream.flush()


class RichProgress:
    """A line for the whole and one per running notebook, each with a bar that fills in the time it took last time.

    Parameters
    ----------
    stream : TextIO
        A terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bars
        from rich.progress import ProgressColumn, Task, TextColumn, TimeElapsedColumn
        from rich.progress_bar import ProgressBar

        class TimeBar(ProgressColumn):
            def render(self, task: Task) -> ProgressBar:
                expected, elapsed = task.fields["expected"], task.elapsed or 0.0
                done = min(elapsed, expected or 0.0)
                return ProgressBar(total=expected, completed=done, width=24, pulse=not expected, animation_time=elapsed)

        self._bars = Bars(
            TextColumn("{task.description}"),
            TimeBar(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}"),
            console=Console(file=stream),
            transient=True,
        )
        self._lines: dict[str, Any] = {}
        self._whole: Any = None
        self._count = self._over = 0

    def begin(self, count: int, expected: float | None) -> None:
        """See :class:`Progress`."""
        self._count = count
        self._bars.start()
        self._whole = self._add(f"notebooks 0/{count}", expected)

    def started(self, name: str, expected: float | None) -> None:
        """See :class:`Progress`."""
        self._lines[name] = self._add(name, expected)

    def finished(self, name: str, seconds: float) -> None:
        """See :class:`Progress`."""
        self._done(name)
        self._bars.console.print(f"done   {name} in {spoken(seconds)}", markup=False, highlight=False)

    def failed(self, failure: NotebookError) -> None:
        """See :class:`Progress`."""
        self._done(failure.notebook)
        self._bars.console.print(str(failure), markup=False, highlight=False)

    def end(self) -> None:
        """See :class:`Progress`."""
        self._bars.stop()

    def _add(self, description: str, expected: float | None) -> Any:
        told = "" if expected is None else f"last time {spoken(expected)}"
        return self._bars.add_task(description, expected=expected, told=told)

    def _done(self, name: str) -> None:
        line = self._lines.pop(name, None)
        if line is not None:
            self._bars.remove_task(line)
        self._over += 1
        self._bars.update(self._whole, description=f"notebooks {self._over}/{self._count}")


def progress_for(stream: TextIO) -> Progress:
    """Progress that suits a stream.

    Parameters
    ----------
    stream : TextIO
        Standard error, as a rule.

    Returns
    -------
    Progress
        A :class:`RichProgress` for a terminal, else a :class:`PlainProgress`.
    """
    return RichProgress(stream) if stream.isatty() else PlainProgress(stream)


def _opening(count: int, expected: float | None) -> str:
    noun = "1 notebook" if count == 1 else f"{count} notebooks"
    return f"{noun} to run" + (f", expected to take {spoken(expected)}" if expected is not None else "")
