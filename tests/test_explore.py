"""Explorations: frames come back as they were drawn, players clash with nothing, bad calls are refused by name."""

import asyncio
import base64
import json
import re
import zlib
from html.parser import HTMLParser
from urllib.parse import unquote

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from theorylab import _explore_live, explore, figures
from theorylab._compact_svg import compact, pack, unpack
from theorylab._explore_frames import FrameMaker, size_in_pixels
from theorylab._figure_files import settle_layout

X = np.linspace(0.0, 1.0, 30)
ALT = "A rising line whose slope and curvature the two sliders change, on fixed axes."


def draw(slope, power=1):
    fig, ax = figures.panels(width=3.0, height=2.0)
    figures.prediction(ax, X, slope * X**power, label=f"slope {slope:g}")
    ax.set(xlim=(0, 1), ylim=(0, 3))
    figures.label_lines(ax)
    return fig


@pytest.fixture(autouse=True)
def output(tmp_path, monkeypatch):
    """Results go to a folder of the test, and no build is under way."""
    monkeypatch.setenv("THEORYLAB_OUTPUT", str(tmp_path))
    monkeypatch.delenv("THEORYLAB_PROVENANCE", raising=False)
    return tmp_path


def save(**changes):
    call = {"draw": draw, "name": "waves/slope", "alt": ALT, "slope": [1.0, 2.0, 3.0], "power": [1, 2], **changes}
    return explore.save(call.pop("draw"), **call)


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def decoded(html):
    """The frames as the script of the player makes them."""
    (player,) = Elements(html).of("figure")
    content = json.loads(zlib.decompress(base64.b64decode(player["data-frames"])))
    return ["".join(content["parts"][index] for index in frame) for frame in content["frames"]]


# --- the player ------------------------------------------------------------------------------------------------------


def test_the_frames_of_the_player_are_the_drawings_in_the_order_of_its_sliders():
    player = save()
    maker = FrameMaker(draw, "waves/slope", [{"slope": s, "power": p} for s in (1.0, 3.0) for p in (1, 2)])
    expected = [maker.frame({"slope": slope, "power": power}) for slope in (1.0, 2.0, 3.0) for power in (1, 2)]
    assert decoded(player.html) == expected
    assert len(set(expected)) == player.n_frames == 6


def test_the_first_frame_is_there_without_a_script():
    player = save(slope=explore.Slider([1.0, 2.0, 3.0], start=2.0))
    (image,) = Elements(player.html).of("img")
    assert image["alt"] == ALT
    kind, _, svg = image["src"].partition(",")
    assert kind == "data:image/svg+xml"
    assert unquote(svg) == decoded(player.html)[2].replace('"', "'")
    assert (int(image["width"]), int(image["height"])) == size_in_pixels(unquote(svg).replace("'", '"')) == (288, 192)


def test_sliders_are_native_labelled_and_hidden_until_they_work():
    player = save(slope=explore.Slider([0.5, -1.0, 3.0], label="slope <s>", start=3.0))
    page = Elements(player.html)
    assert [(s["type"], s["min"], s["max"], s["value"]) for s in page.of("input")] == [
        ("range", "0", "2", "2"),
        ("range", "0", "1", "0"),
    ]
    assert [slider["aria-valuetext"] for slider in page.of("input")] == ["3", "1"]
    texts = [json.loads(attributes["data-texts"]) for attributes in page.of("div") if "data-texts" in attributes]
    assert texts == [["0.5", "−1", "3"], ["1", "2"]]
    (group,) = [attributes for attributes in page.of("div") if attributes.get("role") == "group"]
    assert "hidden" in group
    assert "<label>slope &lt;s&gt;</label><output>3</output>" in player.html


def test_players_have_no_identifiers_that_could_clash_and_ask_for_nothing():
    player = save()
    assert [attributes for _, attributes in Elements(player.html).found if {"id", "for"} & set(attributes)] == []
    addresses = [a[key] for _, a in Elements(player.html).found for key in ("src", "href", "srcset") if key in a]
    assert [address.partition(",")[0] for address in addresses] == ["data:image/svg+xml"]
    links = re.findall(r'(?:href|src)="([^"]*)"|url\(([^)]*)\)', "".join(decoded(player.html)))
    assert {(href or url)[0] for href, url in links} == {"#"}
    assert not re.search(r"\bfetch\(|\bimport\b|XMLHttpRequest", player.html)


def test_equal_calls_give_equal_bytes():
    first = save().path.read_bytes()
    plt.figure()
    save(name="waves/other", slope=[5.0, 6.0])
    with mpl.rc_context({"font.size": 20.0, "svg.hashsalt": "other"}):
        assert save().path.read_bytes() == first
    plt.close("all")


def test_the_file_is_a_page_that_tells_what_it_is_and_holds_the_player(output):
    player = save(title="Slopes & powers")
    assert player.path == output / "waves" / "slope.html"
    told = explore.describe(player.path)
    assert (told.title, told.alt) == ("Slopes & powers", ALT)
    assert "numpy" in told.provenance["versions"]
    assert explore.embed(player.path) == player.html
    assert player.path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    for read in (explore.describe, explore.embed):
        (output / "other.html").write_text("<figure></figure>")
        with pytest.raises(ValueError, match=r"path must be an HTML file written by explore\.save; got .*other"):
            read(output / "other.html")


def test_a_notebook_shows_the_player_and_not_where_it_is():
    player = save()
    assert player._repr_mimebundle_() == {"text/html": player.html, "text/plain": ALT}
    assert re.fullmatch(r"Player\(waves/slope: 6 frames, \d+ KB\)", repr(player))


def test_axes_stand_still_whatever_the_labels_beside_them():
    frames = decoded(save(slope=[0.001, 0.5, 1.25]).html)
    assert len({re.search(r"<clipPath.*?<rect ([^>]*)>", frame)[1] for frame in frames}) == 1


def test_labels_find_their_places_in_every_frame():
    kept = []

    def keeping(slope, power):
        kept.append(draw(slope, power))
        return kept[-1]

    maker = FrameMaker(keeping, "waves/slope", [{"slope": 1.0, "power": 1}])
    maker.frame({"slope": 6.0, "power": 1})
    (label,) = kept[-1].axes[0].texts
    assert label.xy == (X[14], 6.0 * X[14])  # the last point below the upper limit
    with figures.use_style():
        alone = draw(1.0)
        settle_layout(alone)
    plt.close(alone)
    places = [fig.axes[0].get_position(original=True).bounds for fig in (kept[-1], alone)]
    assert places[0] == pytest.approx(places[1], abs=1e-8)  # with the room that the label asked for
    assert places[0][2] < 0.8


def test_no_figure_is_left_open():
    save()
    assert plt.get_fignums() == []


def test_figures_of_any_origin_and_sliders_of_words():
    shapes = {"flat": 0.0, "steep": 1.0}

    def plain(shape):
        fig = Figure(figsize=(2, 2), layout="constrained")
        fig.subplots().plot(X, shapes[shape] * X)
        return fig

    player = explore.save(plain, name="waves/shape", alt=ALT, shape=list(shapes))
    assert player.n_frames == 2
    assert json.loads(Elements(player.html).of("div")[1]["data-texts"]) == ["flat", "steep"]


def test_values_come_from_arrays_of_any_namespace():
    xp = pytest.importorskip("array_api_strict")
    assert explore.Slider(xp.asarray([1.0, 2.0])).values == explore.Slider(np.array([1.0, 2.0])).values == (1.0, 2.0)


# --- small drawings --------------------------------------------------------------------------------------------------


def absolute(path):
    """Corners of a path, one step at a time: a naive reading of relative and absolute commands."""
    words = re.findall(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)", path)
    corners, here, start, command = [], np.zeros(2), np.zeros(2), ""
    pairs = {"m": 1, "l": 1, "q": 2, "c": 3}
    while words:
        if words[0].isalpha():
            command = words.pop(0)
            if command in "zZ":
                here = start
                continue
        count = 2 * pairs[command.lower()]
        numbers = np.array([float(word) for word in words[:count]]).reshape(-1, 2)
        del words[:count]
        moved = numbers + here if command.islower() else numbers
        here = moved[-1]
        start = here if command in "mM" else start
        corners.extend(moved)
    return np.array(corners)


def paths(svg):
    return [absolute(path) for path in re.findall(r' d="([^"]*)"', svg) if path]


def test_small_drawings_are_the_same_picture(tmp_path):
    fig = draw(1.7, 3)
    fig.axes[0].fill_between(X, X, X**2, alpha=0.3)
    fig.axes[0].plot(X, 1 + np.sin(7 * X), "o-")
    fig.savefig(tmp_path / "large.svg")
    plt.close(fig)
    large = (tmp_path / "large.svg").read_text()
    small = compact(large)
    pairs = list(zip(paths(large), paths(small), strict=True))
    assert max(np.max(np.abs(a - b)) for a, b in pairs) <= 0.05 + 1e-9
    assert len(small) < 0.85 * len(large)
    places = [np.array(re.findall(r'<use [^>]*?x="([\d.]+)" y="([\d.]+)"', svg), dtype=float) for svg in (large, small)]
    assert np.max(np.abs(places[0] - places[1])) <= 0.005 + 1e-9
    assert "<metadata>" in large
    assert not re.search("<metadata>|<!--|<!DOCTYPE", small)


def test_rounding_errors_do_not_add_up():
    steps = np.arange(0.0, 100.0, 0.0149)
    path = "M 0 0 " + " ".join(f"L {x:.4f} {x / 3:.4f}" for x in steps)
    (corners,) = paths(compact(f'<path d="{path}"/>'))
    assert np.max(np.abs(corners[1:, 0] - steps)) <= 0.05 + 1e-9


def test_a_path_goes_on_from_where_it_was_closed():
    path = "M 10 10 L 20 10 L 20 30 z L 12 15 M 50.25 50 Q 60 50 61 71.06 C 1 2 3 4 5 6 z"
    (small,) = re.findall('d="(.*)"', compact(f'<path d="{path}"/>'))
    np.testing.assert_allclose(absolute(small), absolute(path), atol=0.05 + 1e-9)
    assert small == small.lower()


@given(st.lists(st.text(alphabet="<>ab \"'é"), min_size=1))
def test_packing_loses_nothing(drawings):
    assert unpack(pack(drawings)) == drawings


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"alt": "A line."}, ValueError, "alt must be 30 or more printable characters; got 'A line.'"),
        ({"name": "Slope"}, ValueError, "name must be 'chapter/name'"),
        ({"title": " "}, ValueError, "title must be 1 or more"),
        ({"width": [1, 2]}, TypeError, "draw has no argument 'width' for the slider; it has slope, power"),
        ({"slope": []}, ValueError, r"slider 'slope': values must be two or more; got \[\]"),
        ({"slope": [1.0]}, ValueError, "slider 'slope': values must be two or more"),
        ({"slope": 3.0}, TypeError, "slider 'slope': values must be a list of numbers or strings; got 3.0"),
        ({"slope": "abc"}, TypeError, "slider 'slope': values must be a list"),
        ({"slope": [1.0, None]}, TypeError, "slider 'slope': values must be numbers or strings; got None"),
        ({"slope": [1.0, float("nan")]}, ValueError, "slider 'slope': values must not be NaN"),
        ({"slope": [1.0, 1.00001]}, ValueError, "values must look different from each other; got '1' twice"),
        ({"slope": range(26), "power": range(20)}, ValueError, "at most 500 combinations; got 26 x 20"),
        ({"draw": 3}, TypeError, "draw must be a function; got int"),
        (
            {"draw": lambda slope, power: None},
            TypeError,
            r"draw must return a matplotlib Figure; got NoneType for slop",
        ),
        ({"draw": lambda slope, power: Figure()}, ValueError, r"draw must return a figure .*slope=1.0.*at least one"),
        ({"draw": lambda slope, power, phase: draw(1)}, TypeError, "draw needs 'phase', which has no slider"),
    ],
)
def test_bad_calls_are_refused_before_anything_is_written(changes, error, message, output):
    with pytest.raises(error, match=message):
        save(**changes)
    assert list(output.iterdir()) == []


def test_a_call_without_sliders_is_refused():
    with pytest.raises(ValueError, match="sliders must be one or more; got none"):
        explore.save(draw, name="waves/slope", alt=ALT)


def test_a_start_that_is_no_value_is_refused():
    with pytest.raises(ValueError, match=r"start must be one of the values; got 4\. Choose from 1, 2"):
        explore.Slider([1, 2], start=4)


def test_figures_of_different_shapes_are_refused():
    def growing(slope, power):
        fig, _ = figures.panel_row(power, width=3.0, height=2.0)
        return fig

    with pytest.raises(ValueError, match=r"got 3 x 2 inches with 2 axes for slope=1.0, power=2, and .* 1 axes before"):
        save(draw=growing)


def test_a_player_that_is_too_large_is_refused_with_advice(output):
    def noisy(slope, power):
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot(np.random.default_rng([int(slope), power]).standard_normal(2000), ".")
        return fig

    with pytest.raises(ValueError, match=r"at most 200 KB; got \d+ KB for 12 frames.*Offer fewer values"):
        save(draw=noisy, slope=[1, 2, 3, 4, 5, 6])
    assert list(output.iterdir()) == []


# --- in a running notebook -------------------------------------------------------------------------------------------


@pytest.fixture
def kernel(monkeypatch):
    """As in a Jupyter kernel that has ipywidgets."""
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(_explore_live, "available", lambda: True)


def live(draw=draw, **sliders):
    box = explore.explore(draw, name="waves/slope", alt=ALT, **sliders)
    image, *controls, described, trouble = box.children
    return image, controls, described, trouble


def test_outside_a_kernel_there_are_no_widgets():
    assert not _explore_live.available()
    assert isinstance(explore.explore(draw, name="waves/slope", alt=ALT, slope=[1.0, 2.0]), explore.Player)


def test_the_build_gets_the_player_even_in_a_kernel(kernel, monkeypatch):
    monkeypatch.setenv("THEORYLAB_PROVENANCE", "{}")
    assert isinstance(explore.explore(draw, name="waves/slope", alt=ALT, slope=[1.0, 2.0]), explore.Player)


def test_in_a_kernel_a_slider_changes_the_figure(kernel, output):
    image, (slope, power), described, _ = live(slope=[1.0, 2.0], power=explore.Slider([1, 2], label="exponent"))
    assert (slope.description, power.description) == ("slope", "exponent")
    assert ALT in described.value
    before = image.value
    slope.value = 2.0
    assert image.value != before
    slope.value = 1.0
    assert image.value == before
    assert bytes(before).decode() == decoded(save(slope=[1.0, 2.0]).html)[0]
    assert plt.get_fignums() == []


def test_a_kernel_offers_the_finer_values_too(kernel):
    slider = explore.Slider([0.01, 1.0], start=1.0, fine=np.geomspace(0.01, 1.0, 5))
    _, (slope,), *_ = live(slope=slider)
    assert [value for _, value in slope.options] == [0.01, *np.geomspace(0.01, 1.0, 5)[1:4], 1.0]
    assert slope.value == 1.0


def test_of_two_values_that_look_the_same_the_one_of_the_page_is_offered():
    assert explore.Slider([0.1, 0.7], fine=[0.1 + 1e-12, 0.4, 0.7 - 1e-12]).fine == (0.1, 0.4, 0.7)


def test_finer_values_keep_the_direction_of_the_slider():
    assert explore.Slider([3, 1], fine=[1, 2, 3]).fine == (3, 2, 1)


def test_drawings_that_are_overtaken_are_left_out(kernel):
    drawn = []

    def counted(slope):
        drawn.append(slope)
        return draw(slope)

    image, (slope,), *_ = live(counted, slope=[float(n) for n in range(1, 30)])
    drawn.clear()

    async def drag():
        for value in range(2, 30):
            slope.value = float(value)
        assert drawn == []  # the kernel goes on reading what the slider sends
        await asyncio.sleep(20 * _explore_live._PAUSE)

    asyncio.run(drag())
    assert drawn == [29.0]
    assert b"svg" in bytes(image.value)


def test_a_drawing_that_fails_says_so_and_the_next_one_clears_it(kernel):
    def fragile(slope):
        if slope == 2.0:
            raise ArithmeticError("no <solution>")
        return draw(slope)

    _, (slope,), _, trouble = live(fragile, slope=[1.0, 2.0, 3.0])
    slope.value = 2.0
    assert "ArithmeticError: no &lt;solution&gt;" in trouble.value
    slope.value = 3.0
    assert trouble.value == ""
