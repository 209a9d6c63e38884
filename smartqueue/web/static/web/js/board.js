/* The arrivals of a day: fetched again every so often, but not under somebody's hands. */

const EVERY_MS = 15_000;
const box = document.getElementById("board");

function isInUse() {
  return document.hidden || box.contains(document.activeElement);
}

setInterval(() => {
  if (!isInUse()) window.htmx.ajax("GET", box.dataset.part, { target: "#board", swap: "innerHTML" });
}, EVERY_MS);
