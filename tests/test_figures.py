import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from theorylab import _figure_files, figures, outputs

ALT = "Test error against sample size: three theory lines run through the measured points."
SVG = "{http://www.w3.org/2000/svg}"
N = np.array([1.0, 2.0, 4.0, 8.0])


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    monkeypatch.setenv("THEORYLAB_OUTPUT", str(tmp_path))
    monkeypatch.delenv("THEORYLAB_PROVENANCE", raising=False)
    yield tmp_path
    plt.close("all")


@dataclass
class Control:
    rejected: bool


@dataclass
class Result:
    status: str
    verdict: str
    controls: tuple[Control, ...] = (Control(True), Control(True))


def learning_curves():
    """A figure with everything on it: lines, points, control, residuals, labels that collide, badge, key."""
    fig, (main, residual) = figures.panels(residual=True)
    for slope in (1.0, 1.01, 1.02):
        measured = 1.02 * N**-slope
        figures.prediction(main, N, N**-slope, label=rf"$n^{{-{slope}}}$")
        figures.measurement(main, N, measured, 0.02 * measured)
        figures.residuals(residual, N, N**-slope, measured, 0.02 * measured, margin=0.01)
    figures.control(main, N, 0.9 / N, label="factor dropped")
    main.set(xscale="log", yscale="log", ylabel="test MSE")
    residual.set_xlabel("$n$")
    figures.label_lines(main)
    figures.title(main, "Learning curves")
    figures.verdict_badge(fig, Result("upheld", "confirmed"))
    figures.key(fig)
    return fig


def saved_bytes(fig, **options):
    saved = figures.save(fig, "toy/curves", alt=ALT, **options)
    return saved.svg.read_bytes(), saved.png.read_bytes()


def small_figure():
    fig, ax = figures.panels(width=3.0)
    figures.prediction(ax, N, 1.0 / N)
    return fig, ax


# --- the bytes of a saved figure -------------------------------------------------------------------------------------


def test_equal_inputs_give_equal_bytes_whatever_was_drawn_before():
    first = saved_bytes(learning_curves())
    other, ax = plt.subplots()
    ax.scatter([1, 2], [3, 4], label="x")
    ax.legend()
    other.savefig(os.devnull, format="svg")
    assert saved_bytes(learning_curves()) == first


def test_other_inputs_give_other_bytes():
    svg, png = saved_bytes(small_figure()[0])
    fig, ax = small_figure()
    figures.measurement(ax, N, 1.0 / N)
    other_svg, other_png = saved_bytes(fig)
    assert svg != other_svg
    assert png != other_png


def test_saving_again_or_showing_first_changes_nothing():
    fig = learning_curves()
    first = saved_bytes(fig)
    assert saved_bytes(fig) == first
    shown = learning_curves()
    shown.savefig(os.devnull, format="png", dpi=72, bbox_inches="tight")
    assert saved_bytes(shown) == first


def test_settings_of_the_reader_change_nothing():
    first = saved_bytes(learning_curves())
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "black", "figure.dpi": 72, "svg.fonttype": "none"}):
        assert saved_bytes(learning_curves()) == first


def test_bytes_agree_between_processes(tmp_path):
    script = textwrap.dedent("""
        import hashlib
        from theorylab import figures
        fig, ax = figures.panels()
        for slope in (1.0, 1.01):
            figures.prediction(ax, [1.0, 2.0, 3.0], [slope, 2.0, slope], label=f"slope {slope}")
        figures.measurement(ax, [1.0, 2.0, 3.0], [1.0, 2.0, 1.0], 0.1)
        figures.label_lines(ax)
        figures.key(fig)
        saved = figures.save(fig, "toy/process", alt="A line that rises and falls through three points",
                             parameters={"n": 3, "ridge": 0.1})
        print([hashlib.sha256(path.read_bytes()).hexdigest() for path in (saved.svg, saved.png)])
    """)
    answers = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "MPLBACKEND": "agg"}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.add(done.stdout)
    assert len(answers) == 1


def test_no_moment_and_no_machine_in_the_files(output, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    svg, png = saved_bytes(learning_curves())
    text = svg.decode()
    assert "dc:date" not in text
    for word in (str(output), str(Path.home()), str(mpl.get_data_path())):
        assert word.encode() not in svg + png
    assert b"tIME" not in png
    assert b"Software" not in png


def test_fonts_are_the_bundled_ones():
    with figures.use_style():
        found = font_manager.findfont(font_manager.FontProperties())
    assert os.path.realpath(found).startswith(os.path.realpath(mpl.get_data_path()))


def test_a_failed_save_leaves_the_old_files_and_nothing_new(output, monkeypatch):
    before = saved_bytes(small_figure()[0])
    whole = Figure.savefig

    def breaks_at_the_second_file(self, *args, **options):
        if options["format"] == "png":
            raise OSError("disk full")
        whole(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", breaks_at_the_second_file)
    fig = learning_curves()
    for name in ("toy/curves", "toy/new"):
        with pytest.raises(OSError, match="disk full"):
            figures.save(fig, name, alt=ALT)
    assert ((output / "toy/curves.svg").read_bytes(), (output / "toy/curves.png").read_bytes()) == before
    assert sorted(path.name for path in (output / "toy").iterdir()) == ["curves.png", "curves.svg"]
    monkeypatch.undo()
    assert fig.get_layout_engine() is not None  # the figure is as usable as before


# --- what the files say of themselves --------------------------------------------------------------------------------


def test_metadata_in_both_files(monkeypatch):
    monkeypatch.setenv("THEORYLAB_PROVENANCE", '{"parameters": {"n": 3}, "seed": 7}')
    saved = figures.save(
        small_figure()[0], "toy/curves", alt=ALT, title="Curves & <lines>", parameters={"ridge": 0.1, "λ": "größe"}
    )
    expected = {**outputs.provenance(), "parameters": {"n": 3, "ridge": 0.1, "λ": "größe"}}
    for path in (saved.svg, saved.png):
        assert figures.describe(path) == figures.Description("Curves & <lines>", ALT, expected)
    with Image.open(saved.png) as image:
        assert image.info["Title"] == "Curves & <lines>"
        assert image.info["Description"] == ALT


def test_svg_is_accessible():
    saved = figures.save(small_figure()[0], "toy/curves", alt="Two curves & what lies <between> them, \n    seen.")
    root = ET.parse(saved.svg).getroot()
    title, description = root[0], root[1]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (title.tag, title.text) == (f"{SVG}title", "toy: curves")
    assert (description.tag, description.text) == (f"{SVG}desc", "Two curves & what lies <between> them, seen.")
    identifiers = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))


def test_two_figures_on_one_page_share_no_clip_path():
    def clip_paths(name):
        root = ET.parse(figures.save(small_figure()[0], name, alt=ALT).svg).getroot()
        return {element.get("id") for element in root.iter(f"{SVG}clipPath")}

    assert clip_paths("toy/a")
    assert not clip_paths("toy/a") & clip_paths("toy/b")


def test_describe_refuses_foreign_files(tmp_path):
    fig, _ = small_figure()
    for name in ("foreign.png", "foreign.svg"):
        fig.savefig(tmp_path / name)
        with pytest.raises(ValueError, match=r"^path must be .* written by figures\.save; got '.*foreign"):
            figures.describe(tmp_path / name)


def test_background_is_opaque_and_light():
    with plt.style.context("dark_background"):
        saved = figures.save(small_figure()[0], "toy/curves", alt=ALT)
    with Image.open(saved.png) as image:
        assert image.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        corners = [image.convert("RGB").getpixel((x, y)) for x in (0, image.width - 1) for y in (0, image.height - 1)]
    assert set(corners) == {tuple(round(255 * channel) for channel in to_rgb(figures.PAPER))}
    root = ET.parse(saved.svg).getroot()
    background = root.find(f"{SVG}g/{SVG}g[@id='patch_1']/{SVG}path")
    assert f"fill: {figures.PAPER}" in background.get("style")
    assert "opacity" not in background.get("style")


def test_a_notebook_shows_the_saved_figure_once():
    fig, _ = figures.panels(width=7.0)
    saved = figures.save(fig, "toy/curves", alt=ALT)
    assert not plt.get_fignums()
    data, metadata = saved._repr_mimebundle_()
    assert data["text/plain"] == ALT
    assert metadata["image/png"]["width"] == 672
    assert metadata["image/png"]["alt"] == ALT
    assert repr(saved) == "Saved(toy/curves: svg, png)"


# --- what save() refuses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alt", ["", "   \n ", "A figure.", "control \x00 characters are not text at all"])
def test_alt_must_tell_something(output, alt):
    with pytest.raises(ValueError, match=r"^alt must be 30 or more printable .*; got .* what the reader would see"):
        figures.save(small_figure()[0], "toy/curves", alt=alt)
    assert not list(output.iterdir())


@pytest.mark.parametrize("title", ["", " ", "a\x00b"])
def test_an_empty_title_is_refused(title):
    with pytest.raises(ValueError, match=r"^title must be 1 or more printable characters; got "):
        figures.save(small_figure()[0], "toy/curves", alt=ALT, title=title)


def test_alt_is_mandatory():
    with pytest.raises(TypeError, match="alt"):
        figures.save(small_figure()[0], "toy/curves")
    with pytest.raises(TypeError, match=r"^alt must be a string; got NoneType"):
        figures.save(small_figure()[0], "toy/curves", alt=None)


@pytest.mark.parametrize("name", ["curves", "toy/curves.svg", "Toy/curves", "../toy", "toy/a/b", "/toy/curves", "", 3])
def test_names_are_refused(name):
    with pytest.raises(ValueError, match=r"^name must be 'chapter/name' .*; got "):
        figures.save(small_figure()[0], name, alt=ALT)


@given(st.text(max_size=12))
def test_no_name_leaves_the_output_directory(name):
    if _figure_files._NAME.fullmatch(name):
        chapter, _, rest = name.partition("/")
        assert chapter.replace("_", "").isalnum()
        assert rest.replace("_", "").isalnum()
        assert name == name.lower()
    else:
        with pytest.raises(ValueError, match="name must be"):
            _figure_files.check_name(name)


def test_figures_are_refused():
    with pytest.raises(ValueError, match=r"^fig must have at least one axes; got an empty figure"):
        figures.save(Figure(), "toy/curves", alt=ALT)
    with pytest.raises(TypeError, match=r"^fig must be a matplotlib Figure; got Axes"):
        figures.save(small_figure()[1], "toy/curves", alt=ALT)
    fig, ax = small_figure()
    ax.text(1, 1, r"$\LaTeX$", usetex=True)
    with pytest.raises(ValueError, match=r"^fig must be free of LaTeX text; got '\$"):
        figures.save(fig, "toy/curves", alt=ALT)


@pytest.mark.parametrize("value", [np.ones(2), float("nan"), {1, 2}])
def test_parameters_must_be_json(value):
    with pytest.raises(TypeError, match=r"^parameters must hold finite JSON values"):
        figures.save(small_figure()[0], "toy/curves", alt=ALT, parameters={"x": value})


# --- the style -------------------------------------------------------------------------------------------------------


def test_import_leaves_matplotlib_as_it_was():
    script = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy();"
        "from theorylab import figures;"
        "assert not [name for name in sys.modules if name.startswith(('matplotlib.pyplot', 'tkinter', 'PyQt'))];"
        "assert matplotlib.rcParams.copy() == before"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_style_returns_the_former_settings():
    before = dict(mpl.rcParams)
    learning_curves()
    assert dict(mpl.rcParams) == before

    @figures.use_style()
    def inside():
        return mpl.rcParams["axes.spines.top"]

    assert inside() is False
    with pytest.raises(RuntimeError), figures.use_style():
        raise RuntimeError
    assert dict(mpl.rcParams) == before


def test_a_backend_started_within_the_style_stays_interactive():
    before = mpl.is_interactive()
    try:
        with figures.use_style():
            mpl.interactive(True)
        assert mpl.is_interactive()
    finally:
        mpl.interactive(before)


def test_colours_stand_out_from_the_background():
    assert min(figures.contrast(color) for color in (*figures.PALETTE, figures.CONTROL)) >= 3.0
    assert figures.contrast(figures.INK) >= 7.0


# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
VISION = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]])


def lab(color, vision):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    relative = XYZ @ np.clip(np.array(vision) @ linear, 0.0, 1.0) / (XYZ @ np.ones(3))
    f = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_colours_differ_for_every_reader(vision):
    apart = [
        np.linalg.norm(lab(a, VISION[vision]) - lab(b, VISION[vision])) for a, b in combinations(figures.PALETTE, 2)
    ]
    assert min(apart) > 15.0  # CIE 1976 units, of which about 2 are just noticeable side by side


# --- the idiom -------------------------------------------------------------------------------------------------------


def bars_of(container):
    (bars,) = container[2]
    return np.array(bars.get_segments())


def test_a_prediction_is_a_solid_line_with_gaps_where_it_diverges():
    _, ax = figures.panels()
    line = figures.prediction(ax, N, [1.0, np.inf, -np.inf, 4.0])
    assert line.get_linestyle() == "-"
    assert line.get_marker() == "None"
    np.testing.assert_array_equal(line.get_ydata(), [1.0, np.nan, np.nan, 4.0])


def test_a_measurement_is_points_with_bars_of_two_standard_errors():
    _, ax = figures.panels()
    y, error = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.2, 0.3, 0.0])
    drawn = figures.measurement(ax, N, y, error)
    points = drawn[0]
    assert points.get_linestyle() == "None"
    assert points.get_marker() == "o"
    np.testing.assert_allclose(bars_of(drawn)[:, :, 1], np.stack([y - 2 * error, y + 2 * error], axis=1))
    assert figures.measurement(ax, N, y).has_yerr is False
    np.testing.assert_allclose(np.ptp(bars_of(figures.measurement(ax, N, y, 0.5))[:, :, 1], axis=1), 2.0)


def test_a_control_is_dashed_grey():
    _, ax = figures.panels()
    line = figures.control(ax, N, [1.0, np.inf, 2.0, 3.0])
    assert line.get_linestyle() == "--"
    red, green, blue = to_rgb(line.get_color())
    assert red == green == blue
    assert np.isnan(line.get_ydata()[1])


def test_one_series_one_colour():
    _, (main, residual) = figures.panels(residual=True)
    for index in range(3):
        line = figures.prediction(main, N, N, label=f"series {index}")
        figures.control(main, N, N)
        points = figures.measurement(main, N, N, 0.1)[0]
        below = figures.residuals(residual, N, N, N, 0.1)[0]
        assert line.get_color() == points.get_color() == below.get_color() == figures.PALETTE[index]
        assert points.get_marker() == below.get_marker() == figures.MARKERS[index]


def test_a_known_label_keeps_its_colour_and_a_new_one_takes_a_free_one():
    _, (left, right) = figures.panel_row(2)
    figures.prediction(left, N, N, label="a")
    b = figures.prediction(left, N, N, label="b")
    assert figures.measurement(right, N, N, label="b")[0].get_color() == b.get_color()
    assert figures.measurement(right, N, N, label="c")[0].get_color() == figures.PALETTE[2]


def test_a_chosen_colour_is_the_series_colour():
    _, ax = figures.panels()
    line = figures.prediction(ax, N, N, color="black")
    points = figures.measurement(ax, N, N)[0]
    assert line.get_color() == points.get_color() == "#000000"


def test_more_series_than_colours_still_differ():
    _, ax = figures.panels()
    looks = [figures.measurement(ax, N, N)[0] for _ in range(2 * len(figures.PALETTE))]
    assert len({(points.get_color(), points.get_marker()) for points in looks}) == len(looks)


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("allowed", 0.1 + 3.5 * 0.2), ("standard error", 0.2), ("relative", np.array([1.0, 2.0, 3.0, 4.0]))],
)
def test_residuals_are_in_the_band_exactly_when_the_rule_does_not_refute(unit, scale):
    predicted = np.array([1.0, -2.0, 3.0, 4.0])
    discrepancy = np.array([0.0, 0.79, 0.81, -0.5])  # 0.1 + 3.5 * 0.2 = 0.8 is allowed
    _, (_, below) = figures.panels(residual=True)
    drawn = figures.residuals(below, N, predicted, predicted + discrepancy, 0.2, margin=0.1, unit=unit)
    np.testing.assert_allclose(drawn[0].get_ydata(), discrepancy / scale)
    np.testing.assert_allclose(np.ptp(bars_of(drawn)[:, :, 1], axis=1), np.broadcast_to(4 * 0.2 / scale, 4))
    half = np.broadcast_to(0.8 / scale, 4)
    if unit == "allowed":
        (band,) = below.patches
        assert (band.get_y(), band.get_y() + band.get_height()) == (-1.0, 1.0)
    else:
        edge = below.collections[0].get_paths()[0].vertices
        for x, reach in zip(N, half, strict=True):
            heights = edge[edge[:, 0] == x, 1]
            np.testing.assert_allclose([heights.min(), heights.max()], [-reach, reach])
    low, high = below.get_ylim()
    assert low == -high
    assert high > max(np.max(np.abs(discrepancy / scale)), np.max(half))
    assert below.get_ylabel()


def test_residual_limits_grow_with_the_furthest_series():
    _, (_, below) = figures.panels(residual=True)
    figures.residuals(below, N, N, N + 5.0, margin=1.0)
    figures.residuals(below, N, N, N + 0.1, margin=1.0)
    assert below.get_ylim()[1] > 5.0
    assert len(below.patches) == 1  # one band for all


def test_residual_axes_shares_x():
    fig, (main, below) = figures.panels(residual=True)
    main.set_xlim(3.0, 5.0)
    assert below.get_xlim() == (3.0, 5.0)
    assert main.get_position().y0 > below.get_position().y1
    assert len(fig.axes) == 2


def test_rows_of_panels():
    fig, pairs = figures.panel_row(3, residual=True)
    assert [len(pair) for pair in pairs] == [2, 2, 2]
    assert len(fig.axes) == 6
    _, (left, right) = figures.panel_row(2, share_y=True)
    left.set_ylim(3.0, 4.0)
    assert right.get_ylim() == (3.0, 4.0)


# --- labels, key, badge ----------------------------------------------------------------------------------------------


def extent(text):
    return Text.get_window_extent(text)  # of the text alone, without the leader of an annotation


def overlaps(texts):
    boxes = [extent(text) for text in texts]
    return [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_labels_do_not_overlap_and_are_not_cut_off(scale, side):
    fig, ax = figures.panels()
    for index in range(7):
        figures.prediction(ax, N, (1.0 + 0.01 * index) / N, label=f"series number {index}")
    ax.set(xscale=scale, yscale=scale)
    labels = figures.label_lines(ax, side=side)
    fig.draw_without_rendering()
    texts = [label.text for label in labels]
    assert overlaps(texts) == []
    heights = [extent(text).y0 for text in texts]
    assert heights == sorted(heights)  # in the order of the lines' ends
    for text in texts:
        box = extent(text)
        assert fig.bbox.contains(box.x0, box.y0)
        assert fig.bbox.contains(box.x1, box.y1)
        assert text.arrow_patch.get_visible()


def test_a_label_with_room_stands_beside_its_line():
    fig, ax = figures.panels()
    lines = [figures.prediction(ax, N, slope * N, label=str(slope)) for slope in (1.0, 3.0)]
    labels = figures.label_lines(ax)
    fig.draw_without_rendering()
    for line, label in zip(lines, labels, strict=True):
        box = label.text.get_window_extent()
        x, y = ax.transData.transform((line.get_xdata()[-1], line.get_ydata()[-1]))
        assert x < box.x0 < x + 20
        assert abs((box.y0 + box.y1) / 2 - y) < 3
        assert not label.text.arrow_patch.get_visible()
        assert figures.contrast(label.text.get_color()) >= 4.5
    assert labels[0].text.get_color() == lines[0].get_color()


def test_labels_of_lines_that_meet_keep_the_order_of_the_lines():
    for heights in ((1.0, 2.0, 3.0), (3.0, 1.0, 2.0)):
        fig, ax = figures.panels()
        for height in heights:
            figures.prediction(ax, [0.0, 1.0, 2.0], [height, height, 0.0], label=rf"$a^{{{height}}}$")
        labels = figures.label_lines(ax)
        fig.draw_without_rendering()
        placed = [extent(label.text).y0 for label in labels]
        assert np.argsort(placed).tolist() == np.argsort(heights).tolist()


def test_a_label_stands_at_the_last_point_that_is_seen():
    fig, ax = figures.panels()
    label = figures.direct_label(ax, [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, np.inf, 9.0], "diverges")
    ax.set(xlim=(0.0, 5.0), ylim=(0.0, 3.0))
    fig.draw_without_rendering()
    assert label.text.xy == (2.0, 2.0)
    ax.set_ylim(0.0, 10.0)
    fig.draw_without_rendering()
    assert label.text.xy == (4.0, 9.0)


def test_a_label_may_stand_at_a_point():
    fig, ax = figures.panels()
    above = figures.direct_label(ax, 1.0, 2.0, "peak", side="above", color="#CC79A7")
    fig.draw_without_rendering()
    _, y = ax.transData.transform((1.0, 2.0))
    assert above.text.get_window_extent().y0 > y
    assert figures.contrast(to_hex(above.text.get_color())) >= 4.5  # darker than the line, whose colour has 3:1


def test_labels_of_a_cleared_axes_are_forgotten():
    fig, ax = figures.panels()
    figures.prediction(ax, N, N, label="a")
    figures.label_lines(ax)
    figures.verdict_badge(ax, Result("upheld", "confirmed"))
    ax.clear()
    fig.draw_without_rendering()
    assert not [text for text in fig.findobj(Text) if text.get_text() == "a"]


def key_of(fig):
    (legend,) = fig.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_key_says_what_is_shown():
    assert key_of(learning_curves()) == [
        "prediction",
        "measurement ± 2 std. errors",
        "control (wrong on purpose)",
        "allowed: margin + 3.5 std. errors",
    ]
    fig, (main, below) = figures.panels(residual=True)
    figures.measurement(main, N, N)
    figures.residuals(below, N, N, N, margin=0.1)
    figures.key(fig)
    assert key_of(fig) == ["measurement", "allowed: margin"]
    with pytest.raises(ValueError, match=r"^fig must show a prediction, measurement or control; got none"):
        figures.key(figures.panels()[0])


def test_a_first_drawing_makes_room_for_labels():
    fig, ax = figures.panels()
    label = figures.direct_label(ax, N, N, "a label that needs some room of its own")
    ax.set_xlim(0.0, 8.0)
    fig.draw_without_rendering()
    assert extent(label.text).x1 <= fig.bbox.x1


@pytest.mark.parametrize("width", [3.4, 5.0, 7.0])
def test_nothing_sticks_out_of_the_figure(width):
    fig, (main, below) = figures.panels(residual=True, width=width)
    figures.prediction(main, N, N, label="a")
    figures.measurement(main, N, N, 0.1)
    figures.control(main, N, 2 * N)
    figures.residuals(below, N, N, N, 0.1)
    figures.label_lines(main)
    figures.title(main, "Curves")
    badge = figures.verdict_badge(fig, Result("not upheld", "confirmed"))
    figures.key(fig)
    fig.draw_without_rendering()
    boxes = [
        fig.legends[0].get_window_extent(),
        badge.get_bbox_patch().get_window_extent(),
        main.title.get_window_extent(),
    ]
    for box in boxes:
        assert fig.bbox.contains(box.x0, box.y0)
        assert fig.bbox.contains(box.x1, box.y1)


@pytest.mark.parametrize("title", ["", "One line", "Two\nlines"])
def test_the_badge_stands_above_the_title(title):
    fig, ax = figures.panels()
    badge = figures.verdict_badge(fig, Result("upheld", "confirmed"))
    text = figures.title(ax, title)
    fig.draw_without_rendering()
    box = badge.get_bbox_patch().get_window_extent()
    assert box.y0 > (text.get_window_extent().y1 if title else ax.bbox.y1)
    assert abs(box.x0 - ax.bbox.x0) < 2
    assert text.get_ha() == "left"
    assert text.get_fontweight() == "bold"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Result("upheld", "confirmed"), "✓ upheld · 2 of 2 controls refuted"),
        (Result("upheld", "refuted", (Control(True),)), "✓ refuted, as expected · 1 of 1 control refuted"),
        (
            Result("not upheld", "confirmed", (Control(True), Control(False))),
            "✗ not upheld (confirmed) · 1 of 2 controls refuted",
        ),
        (Result("not upheld", "refuted"), "✗ not upheld (refuted) · 2 of 2 controls refuted"),
        (Result("inconclusive", "inconclusive"), "? inconclusive · 2 of 2 controls refuted"),
    ],
)
def test_the_badge_tells_the_verdict(result, expected):
    _, ax = figures.panels()
    badge = figures.verdict_badge(ax, result)
    assert badge.get_text() == expected
    assert figures.contrast(badge.get_color(), to_hex(badge.get_bbox_patch().get_facecolor())) >= 4.5


# --- guards ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ax: figures.prediction(ax, N, N[:3]), "x"),
        (lambda ax: figures.prediction(ax, N, [1.0, np.nan, 2.0, 3.0]), "^y must be .*nan"),
        (lambda ax: figures.prediction(ax, [1.0, np.inf], [1.0, 2.0]), "^x must be .*inf"),
        (lambda ax: figures.control(ax, [], []), "^x must"),
        (lambda ax: figures.control(ax, N, np.ones((4, 1))), "^y must"),
        (lambda ax: figures.measurement(ax, N, [1.0, 2.0, np.inf, 3.0]), "^y must be .*inf"),
        (lambda ax: figures.measurement(ax, N, N, -0.1), "^standard_error must be .*-0.1"),
        (lambda ax: figures.measurement(ax, N, N, [0.1, 0.2]), "standard_error"),
        (lambda ax: figures.residuals(ax, N, N, N[:2]), "measured"),
        (lambda ax: figures.residuals(ax, N, N, N, 0.1, margin=-1.0), "^margin must be"),
        (lambda ax: figures.residuals(ax, N, N, N, 0.1, threshold=-1.0), "^threshold must be"),
        (lambda ax: figures.residuals(ax, N, N, N, 0.1, unit="alowed"), "^unit must be .*alowed"),
        (lambda ax: figures.residuals(ax, N, N, N), "^unit must be positive .* got 'allowed', which is 0 at index 0"),
        (lambda ax: figures.residuals(ax, N, 0 * N, N, 0.1, unit="relative"), "^unit must be positive"),
        (lambda ax: figures.direct_label(ax, N, N, "a", side="rigth"), "^side must be .*rigth"),
        (lambda ax: figures.direct_label(ax, 1.0, np.inf, "a"), "^y must have a finite value"),
        (lambda _: figures.panels(width=0.0), "^width must be"),
        (lambda _: figures.panel_row(0), "^columns must be"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    _, ax = figures.panels()
    with pytest.raises(ValueError, match=message):
        call(ax)


def test_something_else_than_axes_is_refused():
    with pytest.raises(TypeError, match=r"^ax must be a matplotlib Axes; got tuple"):
        figures.prediction(figures.panels(residual=True)[1], N, N)


def test_arrays_of_other_namespaces_are_drawn():
    strict = pytest.importorskip("array_api_strict", reason="installed with the dev extra")
    _, ax = figures.panels()
    line = figures.prediction(ax, strict.asarray(N), strict.asarray(2 * N))
    np.testing.assert_array_equal(line.get_ydata(), 2 * N)
    assert bars_of(figures.measurement(ax, strict.asarray(N), strict.asarray(N), strict.asarray(N))).shape == (4, 2, 2)
