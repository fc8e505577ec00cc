"""Labels that find their own place: at the ends of lines without overlap, and a verdict above the title.

Where a label belongs is known only when the axes have their final size and limits.  The labels here are therefore
placed by the figure's layout engine, each time the figure is drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox, IdentityTransform
from numpy.typing import NDArray

__all__ = ["SIDES", "Badge", "EndLabel", "LabelLayout", "label_layout"]

Floats = NDArray[np.float64]

_GAP = 6.0  # points between a line's end and its label
_LINE_HEIGHT = 1.15
_LEADER_FROM = 0.6  # heights by which a label may be moved before thin lines join the labels to their points
_BADGE_PADDING = 0.35  # of its font size
_STAND_OFF = 3.0  # gaps between a line's end and a label joined to it
#: Offset in units of the gap, horizontal and vertical alignment.
_PLACES: dict[str, tuple[tuple[int, int], str, str]] = {
    "right": ((1, 0), "left", "center"),
    "left": ((-1, 0), "right", "center"),
    "above": ((0, 1), "center", "bottom"),
    "below": ((0, -1), "center", "top"),
}
SIDES = tuple(_PLACES)


class LabelLayout(ConstrainedLayoutEngine):
    """Constrained layout that also places the labels and badges given to it."""

    def __init__(self) -> None:
        super().__init__(h_pad=0.08, w_pad=0.06)
        self.labels: list[EndLabel] = []
        self.badges: list[Badge] = []

    def execute(self, fig: Figure) -> Any:
        """Lay out `fig`; matplotlib calls this before each drawing."""
        # A text asked for its extent without a renderer remembers the one, and the resolution, of an earlier drawing.
        renderer = fig._get_renderer()  # type: ignore[attr-defined]  # constrained layout itself uses it
        self._settle(renderer)
        grids = super().execute(fig)
        if self._settle(renderer):
            grids = super().execute(fig)
            self._settle(renderer)
        return grids

    def place_labels(self, fig: Figure) -> None:
        """Put labels and badges of `fig` in their places and leave the axes where they are."""
        self._settle(fig._get_renderer())  # type: ignore[attr-defined]

    def _settle(self, renderer: RendererBase) -> bool:
        """Put everything in its place; tells whether that asks for other room than before."""
        # An axes that is cleared drops its texts.
        labels = [label for label in self.labels if label.text.axes is not None]
        badges = [badge for badge in self.badges if badge.axes is not None]
        before = _room(labels, badges)
        for badge in badges:
            badge.rise_above_title(renderer)
        _place(labels, renderer)
        return _room(labels, badges) != before


def label_layout(fig: Figure) -> LabelLayout:
    """The figure's label-placing layout engine, set up on first use.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        Any figure; it comes under constrained layout.

    Returns
    -------
    LabelLayout
        The engine that draws `fig` from now on.
    """
    engine = fig.get_layout_engine()
    if not isinstance(engine, LabelLayout):
        engine = LabelLayout()
        fig.set_layout_engine(engine)
    return engine


class Badge(Annotation):
    """Small boxed text above the title of an axes, flush with its left edge.

    Parameters
    ----------
    text : str
        What it says, in parts separated by `` · ``.
    ink, paper : str
        Colours of the text and of the box.
    size : float
        Font size in points.
    """

    def __init__(self, text: str, *, ink: str, paper: str, size: float) -> None:
        box = {"boxstyle": f"round,pad={_BADGE_PADDING}", "facecolor": paper, "edgecolor": "none"}
        self._sentence = text
        super().__init__(
            text,
            (0.0, 1.0),
            xycoords="axes fraction",
            xytext=(_BADGE_PADDING * size, _GAP),  # so that the box, not the text, is flush with the axes
            textcoords="offset points",
            va="bottom",
            color=ink,
            fontsize=size,
            bbox=box,
            transform=IdentityTransform(),  # positions are computed in pixels, as those of ax.annotate are
            clip_on=False,
        )

    def rise_above_title(self, renderer: RendererBase) -> None:
        """Keep a gap to the title as it is now, in two lines where one would leave the figure."""
        ax = _axes_of(self)
        figure = ax.get_figure(root=True)
        assert figure is not None
        titles = [ax._left_title, ax.title, ax._right_title]  # type: ignore[attr-defined]  # they have no public names
        top = max((title.get_window_extent(renderer).y1 for title in titles if title.get_text()), default=ax.bbox.y1)
        across, _ = self.get_position()
        self.set_position((across, round((top - ax.bbox.y1) * 72.0 / figure.dpi, 2) + _GAP))
        self.set_text(self._sentence)
        if self.get_window_extent(renderer).x1 > figure.bbox.x1:
            self.set_text(self._sentence.replace(" · ", "\n"))

    def get_tightbbox(self, renderer: RendererBase | None = None) -> Bbox | None:
        """What the layout makes room for: the height; a wide badge may pass over the neighbouring axes' corner."""
        box = super().get_tightbbox(renderer)
        return None if box is None else Bbox.from_extents(box.x0, box.y0, box.x0 + 1.0, box.y1)


@dataclass
class EndLabel:
    """Text at the end of a line: at its last point within the axes, or its first one for labels on the left.

    Parameters
    ----------
    text : matplotlib.text.Annotation
        Annotation of an axes in data coordinates, with an offset in points and an arrow.
    x, y : ndarray, shape (n,)
        The line; infinite and NaN values are gaps.
    side : str
        One of :data:`SIDES`.
    """

    text: Annotation
    x: Floats
    y: Floats
    side: str

    @classmethod
    def on(cls, ax: Axes, x: Floats, y: Floats, text: str, *, side: str, color: str, size: float) -> EndLabel:
        """Write `text` on `ax`; the layout engine still has to be told of it."""
        _, horizontal, vertical = _PLACES[side]
        start = (1.0 if side == "left" else 0.0, 0.5)  # of the text: its edge on the line's side
        arrow = {"arrowstyle": "-", "color": color, "linewidth": 0.7, "relpos": start, "shrinkA": 1.0, "shrinkB": 2.0}
        annotation = ax.annotate(
            text,
            (float(x[0]), float(y[0])),
            xytext=(0.0, 0.0),
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            color=color,
            fontsize=size,
            annotation_clip=False,
            arrowprops=arrow,
        )
        return cls(annotation, x, y, side)

    @property
    def axes(self) -> Axes:
        """Axes that the label belongs to."""
        return _axes_of(self.text)

    @property
    def mean_height(self) -> float:
        """Mean of the line over its finite values."""
        return float(np.mean(self.y[np.isfinite(self.y)]))

    def anchor(self) -> None:
        """Go to the undisturbed place for the present limits of the axes."""
        (left, right), (bottom, top) = sorted(self.axes.get_xlim()), sorted(self.axes.get_ylim())
        drawn = np.isfinite(self.x) & np.isfinite(self.y)
        inside = drawn & (self.x >= left) & (self.x <= right) & (self.y >= bottom) & (self.y <= top)
        candidates = np.flatnonzero(inside if inside.any() else drawn)
        index = candidates[0 if self.side == "left" else -1]
        self.text.xy = (float(self.x[index]), float(self.y[index]))
        self.shift(0.0, leader=False)

    def shift(self, pixels: float, *, leader: bool) -> None:
        """Move up by `pixels` from the undisturbed place; with a leader, stand off and be joined by a thin line."""
        (across, up), _, _ = _PLACES[self.side]
        points = pixels * 72.0 / self.text.get_figure(root=True).dpi  # type: ignore[union-attr]  # it is on an axes
        self.text.set_position((across * _GAP * (_STAND_OFF if leader else 1.0), up * _GAP + points))
        assert self.text.arrow_patch is not None
        self.text.arrow_patch.set_visible(leader)


def _room(labels: Iterable[EndLabel], badges: Iterable[Badge]) -> list[Any]:
    """What the labels and badges ask of the layout: stand-off, height above the axes, number of lines."""
    return [[label.text.get_position()[0] for label in labels], [(b.get_position(), b.get_text()) for b in badges]]


def _place(labels: Iterable[EndLabel], renderer: RendererBase) -> None:
    """Put the labels at the ends of their lines and move those apart that collide."""
    columns: dict[tuple[Axes, str], list[EndLabel]] = defaultdict(list)
    for label in labels:
        label.anchor()
        if label.side in ("left", "right"):
            columns[label.axes, label.side].append(label)
    for (ax, _), column in columns.items():
        for group in _overlapping(column, renderer):
            _spread(group, ax, renderer)


def _overlapping(labels: Iterable[EndLabel], renderer: RendererBase) -> Iterator[list[EndLabel]]:
    """Groups of labels whose horizontal extents overlap, so that they may collide."""
    extents = [(label.text.get_window_extent(renderer), label) for label in labels]
    group: list[EndLabel] = []
    reach = -np.inf
    for box, label in sorted(extents, key=lambda item: item[0].x0):
        if group and box.x0 > reach:
            yield group
            group = []
        group.append(label)
        reach = max(reach, box.x1)
    yield group


def _spread(labels: list[EndLabel], ax: Axes, renderer: RendererBase) -> None:
    """Move the labels apart vertically, as little as possible in the sense of least squares, within the axes."""
    if len(labels) < 2:
        return
    from scipy.optimize import isotonic_regression

    boxes = [label.text.get_window_extent(renderer) for label in labels]
    wanted = np.array([(box.y0 + box.y1) / 2.0 for box in boxes])
    heights = np.array([box.height for box in boxes]) * _LINE_HEIGHT
    # Lines that end in the same pixel keep the order that they have on the whole.
    order = np.lexsort(np.array([[label.mean_height for label in labels], np.round(wanted)]))
    steps = (heights[order][1:] + heights[order][:-1]) / 2.0
    stacked = np.concatenate([[0.0], np.cumsum(steps)])
    # Less the stack's own heights, "no overlap" means "not decreasing".
    base = isotonic_regression(wanted[order] - stacked).x
    lowest = ax.bbox.y0 + heights[order][0] / 2.0
    highest = ax.bbox.y1 - heights[order][-1] / 2.0 - stacked[-1]
    base = np.clip(base, lowest, max(lowest, highest))
    shifts = base + stacked - wanted[order]
    leader = bool(np.any(np.abs(shifts) > _LEADER_FROM * heights[order]))
    for index, shift in zip(order, shifts, strict=True):
        labels[index].shift(float(shift), leader=leader)


def _axes_of(text: Annotation) -> Axes:
    assert isinstance(text.axes, Axes)
    return text.axes
