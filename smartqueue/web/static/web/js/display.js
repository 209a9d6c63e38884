/* The wall display: the board is drawn from the queues' states, calls are announced from their events. */

import { Announcer } from "./announcer.js";
import { Live } from "./live.js";
import { setText } from "./words.js";

const wall = document.getElementById("wall");
const latest = document.getElementById("latest");
const board = document.getElementById("board");
const row = document.getElementById("row").content.firstElementChild;
const sound = document.getElementById("sound");
const ROWS = 5;
const FRESH_MS = 12_000;
const CALLS = new Set(["ticket.called", "ticket.recalled"]);

const statuses = new Map(Object.entries(JSON.parse(wall.dataset.statuses)));
let shown = null;
let fresh;

const byCall = (a, b) => (b.called_at ?? "").localeCompare(a.called_at ?? "");
const every = (name) => [...statuses.values()].flatMap((status) => status[name]).sort(byCall);

function fillIn(element, { number, counter }) {
  setText(element.querySelector('[data-part="number"]'), number);
  const where = element.querySelector('[data-part="counter"]');
  if (where) setText(where, counter ?? "");
}

function drawBoard() {
  const calls = every("now_serving").slice(0, ROWS);
  while (board.children.length < calls.length) board.append(row.cloneNode(true));
  while (board.children.length > calls.length) board.lastElementChild.remove();
  calls.forEach((call, index) => {
    const line = board.children[index];
    line.classList.toggle("called", call.state === "called");
    fillIn(line, call);
  });
  document.getElementById("none").hidden = calls.length > 0;
  const last = every("last_called").slice(0, 5).map((call) => call.number);
  setText(document.getElementById("last"), last.join("   "));
}

function drawLines() {
  for (const [topic, status] of statuses) {
    const count = document.querySelector(`#lines [data-topic="${topic}"] b`);
    if (count) setText(count, status.waiting_count === null ? "" : String(status.waiting_count));
  }
}

/* What is large stays until it is over: a call that was undone leaves at once. */
function drawLatest() {
  const calls = every("now_serving");
  if (!shown || !calls.some((call) => call.ticket === shown.ticket)) {
    shown = calls[0] ?? every("last_called")[0] ?? null;
    latest.classList.remove("fresh");
  }
  latest.classList.toggle("idle", shown === null);
  if (shown) fillIn(latest, shown);
}

function draw() {
  drawBoard();
  drawLines();
  drawLatest();
}

const announcer = new Announcer({
  speech: wall.dataset.speech,
  languages: wall.dataset.languages.split(","),
  isCurrent: ({ ticket }) => every("now_serving").some((call) => call.ticket === ticket),
  onAnnounce: (call) => {
    shown = call;
    latest.classList.remove("fresh", "idle");
    void latest.offsetWidth;
    latest.classList.add("fresh");
    fillIn(latest, call);
    clearTimeout(fresh);
    fresh = setTimeout(() => latest.classList.remove("fresh"), FRESH_MS);
    wall.dataset.announced = `${Number(wall.dataset.announced ?? 0) + 1}`;
  },
});

function showConnection(state) {
  wall.dataset.connection = state;
  setText(document.querySelector("#link span:last-child"), wall.dataset[`t${state[0].toUpperCase()}${state.slice(1)}`]);
}

function showClock() {
  const now = new Date();
  const time = new Intl.DateTimeFormat("fr", { hour: "2-digit", minute: "2-digit", timeZone: wall.dataset.zone });
  setText(document.getElementById("clock"), time.format(now));
}

/* Without a finger to touch it the browser may refuse sound: a wall screen is started with
   --autoplay-policy=no-user-gesture-required; otherwise one touch is asked for. */
function offerSound() {
  sound.hidden = announcer.canSound;
}

sound.addEventListener("click", async () => {
  await announcer.unlock();
  offerSound();
  await announcer.chime();
});
setTimeout(offerSound, 800);
announcer.unlock().then(offerSound);

draw();
showClock();
announcer.prepare();
setInterval(showClock, 1000);

const topics = [...statuses.keys()];
if (topics.length > 0) {
  new Live({
    topics,
    onConnection: showConnection,
    onStatus: (topic, status, message) => {
      statuses.set(topic, status);
      draw();
      const call = message && CALLS.has(message.event) && !message.data.undo && message.data;
      if (call?.counter) {
        announcer.announce({ ticket: call.ticket, number: call.number, counter: call.counter });
      }
    },
  }).start();
}

/* The page is shown for months: it is loaded anew each night, when nobody looks. */
setInterval(() => {
  if (new Date().getHours() === 3) location.reload();
}, 3_600_000);
