"""The player: one element of HTML that shows the frames of a figure and has a slider for each of its parameters.

It is a module and not a template beside one, since the build re-runs a notebook when a module changes that it imports.
Nothing in it has an identifier until its script gives it one, so that any number of players, also twice the same,
stand on one page; the drawings are images, hence their identifiers do not meet either.  Without JavaScript the first
frame stands there with its description, and the sliders stay hidden.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["Control", "document", "fragment_of", "player"]

#: A figure for a phone is not blown up to the width of a page.
_LARGEST_SCALE = 1.4

#: Left as they are in the address of the first drawing, which stands between double quotation marks.
_UNQUOTED = " !$()*+,-./:;=?@[]^_`{|}~<>'"

_STYLE = """
.theorylab-player{--accent:#0072b2;margin:1rem 0;max-width:100%;color:inherit}
.theorylab-player img{display:block;width:100%;height:auto;background:#fff;border-radius:4px}
.theorylab-player .sliders{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));
gap:.5rem 1.5rem;margin:.5rem 0 0}
.theorylab-player .sliders[hidden]{display:none}
.theorylab-player .slider{display:grid;grid-template-columns:1fr auto;align-items:baseline;row-gap:.2rem}
.theorylab-player label,.theorylab-player output{font:inherit;color:inherit;margin:0}
.theorylab-player output{font-variant-numeric:tabular-nums;font-weight:600}
.theorylab-player input{grid-column:1/-1;width:100%;height:2rem;margin:0;accent-color:var(--accent);cursor:pointer}
.theorylab-player input:focus-visible{outline:3px solid var(--accent);outline-offset:0;border-radius:4px}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]) body:not([data-theme=light]) .theorylab-player
{--accent:#56b4e9}}
html[data-theme=dark] .theorylab-player,body[data-theme=dark] .theorylab-player{--accent:#56b4e9}
"""

# One drawing is decoded before it replaces the one shown, and only if the sliders still ask for it: no flicker.
_SCRIPT = """
(() => {
  const inflate = async text => {
    const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  };
  const start = async player => {
    player.dataset.state = "loading";
    const { parts, frames } = await inflate(player.dataset.frames);
    const image = player.querySelector("img"), alt = image.alt;
    const sliders = [...player.querySelectorAll(".slider")].map(slider => ({
      label: slider.querySelector("label"), input: slider.querySelector("input"),
      output: slider.querySelector("output"), texts: JSON.parse(slider.dataset.texts),
    }));
    const number = globalThis.theorylabPlayers = (globalThis.theorylabPlayers ?? 0) + 1;
    const urls = new Map();
    const wanted = () => sliders.reduce((index, { input, texts }) => index * texts.length + Number(input.value), 0);
    const url = index => {
      if (!urls.has(index)) {
        const svg = frames[index].map(part => parts[part]).join("");
        urls.set(index, URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" })));
      }
      return urls.get(index);
    };
    const show = async () => {
      const index = wanted(), next = new Image();
      const state = sliders.map(({ label, input, output, texts }) => {
        const text = texts[input.value];
        output.value = text;
        input.setAttribute("aria-valuetext", text);
        return `${label.textContent}: ${text}`;
      });
      next.src = url(index);
      await next.decode();
      if (index !== wanted()) return;
      image.src = next.src;
      image.alt = `${alt} Shown for ${state.join(", ")}.`;
      player.dataset.frame = index;
    };
    sliders.forEach(({ label, input, output }, position) => {
      input.id = label.htmlFor = `theorylab-player-${number}-${position + 1}`;
      output.htmlFor = input.id;
      input.addEventListener("input", show);
    });
    player.querySelector(".sliders").hidden = false;
    await show();
    player.dataset.state = "ready";
  };
  if (!globalThis.DecompressionStream) return;
  for (const player of document.querySelectorAll(".theorylab-player:not([data-state])")) start(player);
})();
"""


class Control(NamedTuple):
    """A slider as the reader sees it.

    Parameters
    ----------
    label : str
        What it sets.
    texts : sequence of str
        Its values.
    start : int
        Position at first.
    """

    label: str
    texts: Sequence[str]
    start: int


def player(*, first: str, frames: str, size: tuple[int, int], title: str, alt: str, controls: Sequence[Control]) -> str:
    """HTML of a player.

    Parameters
    ----------
    first : str
        Drawing (SVG) that is shown at first.
    frames : str
        All drawings, packed; the last slider is the one whose position runs fastest.
    size : (int, int)
        Width and height of a drawing in pixels.
    title, alt : str
        Title and description of the figure.
    controls : sequence of Control
        The sliders.

    Returns
    -------
    str
        One ``figure`` element, with its style and its script.
    """
    width, height = size
    plain = first if "'" in first else first.replace('"', "'")
    source = f"data:image/svg+xml,{quote(plain, safe=_UNQUOTED)}"
    sliders = "\n".join(_slider(control) for control in controls)
    return f"""\
<figure class="theorylab-player" style="width:{round(_LARGEST_SCALE * width)}px" data-frames="{frames}">
<style>{_STYLE}</style>
<img src="{source}" width="{width}" height="{height}" alt="{escape(alt)}">
<div class="sliders" role="group" aria-label="Sliders: {escape(title)}" hidden>
{sliders}
</div>
<noscript><p>The sliders of this figure need JavaScript.</p></noscript>
<script>{_SCRIPT}</script>
</figure>
"""


def document(fragment: str, *, title: str, alt: str, provenance: str) -> str:
    """Page with a player and nothing else, as a file that opens in a browser.

    Parameters
    ----------
    fragment : str
        The player.
    title, alt : str
        Title and description of the figure.
    provenance : str
        What it comes from, as JSON.

    Returns
    -------
    str
        HTML.
    """
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="{escape(alt)}">
<meta name="theorylab-provenance" content="{escape(provenance)}">
<title>{escape(title)}</title>
<style>body{{font:1rem/1.4 system-ui,sans-serif;margin:1rem}}h1{{font-size:1.2rem}}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{fragment}</main>
</body>
</html>
"""


def fragment_of(page: str) -> str | None:
    """The player in a page that :func:`document` made.

    Parameters
    ----------
    page : str
        HTML.

    Returns
    -------
    str or None
        The ``figure`` element; None when there is none.
    """
    found = re.search(r'<figure class="theorylab-player".*?</figure>\n', page, re.DOTALL)
    return None if found is None else found[0]


def _slider(control: Control) -> str:
    texts = escape(json.dumps(list(control.texts), ensure_ascii=False))
    text = control.texts[control.start]
    return (
        f'<div class="slider" data-texts="{texts}"><label>{escape(control.label)}</label>'
        f"<output>{escape(text)}</output>"
        f'<input type="range" min="0" max="{len(control.texts) - 1}" step="1" value="{control.start}" '
        f'autocomplete="off" aria-valuetext="{escape(text)}"></div>'
    )
