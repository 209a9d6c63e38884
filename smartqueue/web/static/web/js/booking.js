/* Booking: the time that a place is still kept, and the chosen day marked among the days. */

import { fill } from "./words.js";

const SOON_SECONDS = 60;

for (const box of document.querySelectorAll("[data-hold]")) {
  const ends = performance.now() + Number(box.dataset.seconds) * 1000;
  const text = box.querySelector("span");
  const tick = () => {
    const left = Math.max(Math.ceil((ends - performance.now()) / 1000), 0);
    const time = `\u2066${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}\u2069`;
    text.textContent = fill(box.dataset.sentence, { time });
    box.classList.toggle("soon", left <= SOON_SECONDS);
    if (left > 0) setTimeout(tick, 1000);
    /* The page itself knows what is free instead. */
    else location.replace(location.href);
  };
  if (Number(box.dataset.seconds) > 0) tick();
}

/* Only the times are fetched anew; the list of days stays where it was scrolled to. */
document.body.addEventListener("htmx:afterSwap", () => {
  const shown = document.getElementById("times")?.dataset.day;
  for (const day of document.querySelectorAll(".b-day")) {
    if (new URL(day.href).searchParams.get("day") === shown) day.setAttribute("aria-current", "date");
    else day.removeAttribute("aria-current");
  }
});
document.querySelector(".b-day[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
