/*
 * The ticket page. Figures come over the socket and are put in place; when the ticket or the queue
 * changes its state, the part of the page is fetched from the server, which alone knows the words.
 * Many phones hear of the same queue, so each waits a little.
 */

import { Live } from "./live.js";
import { forgetTicket, keepTicket } from "./tickets.js";
import { fill, setText, waitInterval } from "./words.js";

const page = document.getElementById("live");
const part = document.getElementById("state");
const alertButton = document.getElementById("alert-me");
const title = document.title;
const ALERT_KEY = "smartqueue.alert";
const SPREAD_MS = 1500;

let etag = "";
let pending;
let pendingDue = 0;
let seenAt = new Date();
let audio;
let blinking;

const current = () => part.firstElementChild.dataset;

function clock(date) {
  return date.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
}

function showConnection(state) {
  page.dataset.connection = state;
  const sentence = page.dataset[`t${state[0].toUpperCase()}${state.slice(1)}`];
  setText(document.querySelector("#connection span:last-child"), fill(sentence, { time: clock(seenAt) }));
}

async function refresh() {
  pending = undefined;
  const headers = etag ? { "If-None-Match": etag } : {};
  try {
    const answer = await fetch(page.dataset.stateUrl, { headers, cache: "no-store" });
    if (answer.headers.get("X-Kept-Offline")) {
      seenAt = new Date(answer.headers.get("Date") ?? seenAt);
      showConnection("offline");
    } else seenAt = new Date();
    if (answer.status === 304 || !answer.ok) return;
    etag = answer.headers.get("ETag") ?? "";
    swap(await answer.text());
  } catch {
    showConnection("offline");
  }
}

function swap(html) {
  const before = { ...current() };
  const open = [...part.querySelectorAll("details")].map((d) => d.open);
  const focused = document.activeElement?.dataset?.testid;
  part.innerHTML = html;
  part.querySelectorAll("details").forEach((d, i) => {
    d.open = open[i] && before.state === current().state;
  });
  if (focused) part.querySelector(`[data-testid="${focused}"]`)?.focus();
  changed(before);
}

function showPlace({ people_ahead: ahead, estimate }) {
  if (typeof ahead !== "number" && !estimate) return;
  setText(part.querySelector('[data-testid="estimate"]'), waitInterval(estimate));
  if (typeof ahead !== "number") return;
  setText(part.querySelector('[data-testid="ahead"]'), String(ahead));
  const line = part.querySelector(".t-line");
  const others = line?.querySelectorAll("i:not(.me)") ?? [];
  for (let i = ahead; i < others.length; i += 1) others[i].remove();
}

function changed(before) {
  const now = current();
  document.body.classList.toggle("is-called", now.state === "called");
  if (now.queue !== before.queue) location.reload();
  if (now.state === "called" && (before.state !== "called" || before.calls !== now.calls)) callOut(now);
  if (now.state !== "called") quiet();
  remember();
}

function remember() {
  const { number, final } = current();
  if (final) {
    forgetTicket(page.dataset.url);
    alertButton?.remove();
    document.querySelector("[data-push]")?.remove();
  } else keepTicket({ number, url: page.dataset.url, place: page.dataset.place });
}

/* The earliest wish wins. */
function soon(ms) {
  const due = Date.now() + ms;
  if (pending !== undefined && due >= pendingDue) return;
  clearTimeout(pending);
  pendingDue = due;
  pending = setTimeout(refresh, ms);
}

/* Sound, vibration and a blinking title, for as long as the person is awaited. */
function tone(at, frequency) {
  const gain = audio.createGain();
  const bell = audio.createOscillator();
  bell.frequency.value = frequency;
  gain.gain.setValueAtTime(0.0001, at);
  gain.gain.exponentialRampToValueAtTime(0.6, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.9);
  bell.connect(gain).connect(audio.destination);
  bell.start(at);
  bell.stop(at + 1);
}

function ring() {
  if (!audio || audio.state !== "running") return;
  for (let i = 0; i < 3; i += 1) {
    tone(audio.currentTime + i * 1.1, 660);
    tone(audio.currentTime + i * 1.1 + 0.25, 880);
  }
}

function callOut({ counter, number }) {
  if (wantsAlert()) {
    ring();
    navigator.vibrate?.([400, 150, 400, 150, 800]);
  }
  quiet();
  let on = false;
  blinking = setInterval(() => {
    on = !on;
    document.title = on ? `● ${counter}` : `${number} · ${counter}`;
  }, 1000);
  window.scrollTo({ top: 0, behavior: "smooth" });
}

function quiet() {
  clearInterval(blinking);
  document.title = title;
}

function wantsAlert() {
  return alertButton?.getAttribute("aria-pressed") === "true";
}

function setAlert(on) {
  alertButton.setAttribute("aria-pressed", String(on));
  setText(alertButton.querySelector("span"), on ? alertButton.dataset.on : alertButton.dataset.off);
  try {
    localStorage.setItem(ALERT_KEY, on ? "1" : "");
  } catch {
    /* The choice holds for this visit. */
  }
}

function unlock() {
  audio ??= new (window.AudioContext ?? window.webkitAudioContext)();
  audio.resume();
}

if (alertButton && window.AudioContext) {
  alertButton.hidden = false;
  let kept = "";
  try {
    kept = localStorage.getItem(ALERT_KEY) ?? "";
  } catch {
    /* As if never chosen. */
  }
  if (kept) {
    setAlert(true);
    document.addEventListener("pointerdown", unlock, { once: true });
  }
  alertButton.addEventListener("click", () => {
    const on = !wantsAlert();
    setAlert(on);
    if (!on) return;
    unlock();
    tone(audio.currentTime, 880);
    navigator.vibrate?.(120);
  });
}

remember();
if (current().state === "called") callOut(current());

if (!current().final) {
  const mine = `ticket:${page.dataset.ticket}`;
  let version = Number(page.dataset.version);
  let queueVersion = Number(page.dataset.queueVersion);
  const live = new Live({
    topics: [`queue:${page.dataset.queueId}`, mine],
    ticketToken: page.dataset.token,
    onConnection: showConnection,
    onStatus: (topic, status) => {
      if (topic === mine) {
        if (status.version !== version) soon(50);
        else showPlace(status);
        version = status.version;
        return;
      }
      const moved = status.version !== queueVersion;
      queueVersion = status.version;
      if (status.state !== current().queueState) soon(Math.random() * SPREAD_MS);
      else if (moved && !live.follows(mine)) soon(200 + Math.random() * SPREAD_MS);
    },
  }).start();
  part.addEventListener("toggle", (event) => event.target.open && event.target.matches(".why-box, .why") && soon(0), true);
  if (!navigator.onLine) soon(0);
  document.addEventListener("visibilitychange", () => !document.hidden && soon(0));
}

/* The first visit is not the worker's yet: it is asked to keep this page once it is ready. */
navigator.serviceWorker?.register("/sw.js").catch(() => {});
if (!current().final) {
  navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage({ keep: location.pathname }));
}
