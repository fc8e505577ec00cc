// Sorting and filtering of the ledger; without it the table is complete and unsorted. State is kept in the address.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const table = document.getElementById("ledger");
  const form = document.getElementById("ledger-filters");
  if (!table || !form) return;

  const body = table.tBodies[0];
  const original = [...body.rows];
  const rows = original.map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const heads = [...table.tHead.rows[0].cells];
  const fields = ["search", "chapter", "status", "verdict", "source"];
  const field = (name) => document.getElementById(`ledger-${name}`);
  const count = document.getElementById("ledger-count");
  let sorted = { column: -1, descending: false };

  function filter() {
    const words = field("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text } of rows) {
      const matches =
        words.every((word) => text.includes(word)) &&
        fields.slice(1).every((name) => {
          const wanted = field(name).value;
          const given = name === "source" ? row.dataset.source.split(" ") : [row.dataset[name]];
          return !wanted || given.includes(wanted);
        });
      row.hidden = !matches;
      shown += matches;
    }
    count.value = `${shown} of ${rows.length} claims`;
  }

  function key(row, column, kind) {
    const cell = row.cells[column];
    if (kind === "number") return cell.dataset.value === "" ? NaN : Number(cell.dataset.value);
    return (cell.querySelector(".lab-id") ?? cell).textContent.trim().toLowerCase();
  }

  // Strings by their characters, so that every reader sees the same order; what has no number comes last either way.
  function compare(a, b, sign) {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return sign * ((a > b) - (a < b));
  }

  function sort(column, descending) {
    sorted = { column, descending };
    const kind = column < 0 ? "" : heads[column].dataset.sort;
    const keyed = original.map((row, place) => ({ row, place, key: column < 0 ? 0 : key(row, column, kind) }));
    const sign = descending ? -1 : 1;
    keyed.sort((a, b) => compare(a.key, b.key, sign) || a.place - b.place);
    body.append(...keyed.map((item) => item.row));
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function remember() {
    const address = new URL(location.href);
    for (const name of fields) {
      if (field(name).value) address.searchParams.set(name, field(name).value);
      else address.searchParams.delete(name);
    }
    if (sorted.column >= 0) address.searchParams.set("sort", `${sorted.descending ? "-" : ""}${sorted.column}`);
    else address.searchParams.delete("sort");
    history.replaceState(null, "", address);
  }

  function recall() {
    const given = new URLSearchParams(location.search);
    for (const name of fields) field(name).value = given.get(name) ?? "";
    const sorting = /^(-?)(\d+)$/.exec(given.get("sort") ?? "");
    if (sorting && heads[Number(sorting[2])]?.dataset.sort) sort(Number(sorting[2]), sorting[1] === "-");
  }

  // Whoever asks for one claim sees it, whatever the filters say.
  function showTarget() {
    const row = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("#ledger tr");
    if (!row?.hidden) return;
    for (const name of fields) field(name).value = "";
    filter();
    remember();
    row.scrollIntoView();
  }

  heads.forEach((head, column) => {
    if (!head.dataset.sort) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      sort(column, sorted.column === column && !sorted.descending);
      remember();
    });
  });
  form.addEventListener("input", () => { filter(); remember(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { sort(-1, false); filter(); remember(); }));
  recall();
  filter();
  form.hidden = false;
  showTarget();
  window.addEventListener("hashchange", showTarget);
});
