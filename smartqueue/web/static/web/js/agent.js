/* The agent's console: single keys, announcements, timers, and a fresh list whenever the line moves. */

import { Live } from "./live.js";

const box = document.getElementById("console");
const say = document.getElementById("say");
const keysOn = document.getElementById("keys-on");
const KEYS_OFF = "smartqueue.keys-off";
let pending;
let offset = 0;

function refresh() {
  clearTimeout(pending);
  pending = setTimeout(() => {
    /* A list that changes under an open choice would throw the choice away. */
    if (document.activeElement?.matches("#console select")) refresh();
    else window.htmx.ajax("GET", box.dataset.part, { target: "#console", swap: "innerHTML" });
  }, 250);
}

function tick() {
  for (const timer of box.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() + offset - Date.parse(timer.dataset.since)) / 1000));
    timer.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

function settled() {
  const desk = box.querySelector(".desk");
  if (!desk) return;
  offset = Date.parse(desk.dataset.now) - Date.now();
  if (desk.dataset.say) say.textContent = desk.dataset.say;
  if (document.activeElement === document.body) box.querySelector("[data-primary]")?.focus({ preventScroll: true });
  tick();
}

function along(step) {
  const rows = [...box.querySelectorAll(".people button:not([disabled])")];
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(Math.max(at + step, 0), rows.length - 1)]?.focus();
}

function isTyping(target) {
  return target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (!document.activeElement.closest(".people")) return;
    event.preventDefault();
    along(event.key === "ArrowDown" ? 1 : -1);
    return;
  }
  if (!keysOn.checked) return;
  const key = event.key.toLowerCase();
  if (key === "?") {
    const help = document.getElementById("keys");
    help.open = !help.open;
    help.querySelector("summary").focus();
  } else if (key === "w") box.querySelector("#waiting button, #parked button")?.focus();
  else if (/^[a-z]$/.test(key)) {
    const field = box.querySelector(`[data-key-focus="${key}"]`);
    const button = box.querySelector(`button[data-key="${key}"]:not([disabled])`);
    if (!field && !button) return;
    event.preventDefault();
    if (field) field.focus();
    else button.click();
  }
});

keysOn.checked = localStorage.getItem(KEYS_OFF) !== "1";
keysOn.addEventListener("change", () => localStorage.setItem(KEYS_OFF, keysOn.checked ? "" : "1"));
document.body.addEventListener("htmx:afterSettle", settled);
settled();
setInterval(tick, 1000);

const topics = box.dataset.queues.trim().split(/\s+/).map((id) => `queue:${id}`);
const seen = new Map();
new Live({
  topics,
  signedIn: true,
  onStatus: (topic, status) => {
    if (seen.has(topic) && seen.get(topic) !== status.version) refresh();
    seen.set(topic, status.version);
  },
}).start();
setInterval(refresh, 60_000);
