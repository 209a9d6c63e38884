/* The week and the agents' day: an appointment is dragged to a free place, or "Move" is pressed and
   a free place chosen with keys or a tap. Without this script "Move" opens a page of its own. */

import { fill } from "./words.js";

const FAR_PX = 8;
const EDGE_PX = 56;
const STEP_PX = 12;
const grid = document.getElementById("grid");
const dialog = document.getElementById("move-dialog");
const bar = document.getElementById("bar");
const scroll = grid?.closest(".a-scroll");
let picked = null;
let drag = null;

function isolated(text) {
  return `\u2068${text}\u2069`;
}

function sayBar(sentence) {
  const { who, at } = picked.dataset;
  bar.querySelector("p").textContent = fill(sentence, { who: isolated(who), at: isolated(at) });
  bar.hidden = false;
}

function leave(focusBack = true) {
  if (!picked) return;
  const card = picked;
  picked = null;
  grid.querySelectorAll(".a-free").forEach((list) => list.remove());
  grid.classList.remove("picking");
  card.classList.remove("picked");
  bar.hidden = true;
  if (focusBack) card.querySelector(".a-move").focus({ preventScroll: true });
}

function place(free, cell) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.value = free.value;
  button.dataset.agent = free.agent;
  button.dataset.said = `${free.said} ${free.time}`;
  button.dataset.column = cell.cellIndex;
  const before = document.createElement("span");
  before.className = "sr";
  before.textContent = `${free.said} `;
  const shown = document.createElement("bdi");
  shown.textContent = free.time;
  button.append(before, shown);
  let list = cell.querySelector(".a-free");
  if (!list) {
    list = document.createElement("div");
    list.className = "a-free";
    cell.prepend(list);
  }
  list.append(button);
}

async function pick(card) {
  leave(false);
  picked = card;
  card.classList.add("picked");
  let rows;
  try {
    const answer = await fetch(card.dataset.free);
    if (!answer.ok) throw new Error(answer.status);
    rows = (await answer.json()).free;
  } catch {
    if (picked === card) sayBar(bar.dataset.failed);
    return;
  }
  if (picked !== card) return;
  const cells = new Map([...grid.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell]));
  const shown = rows.filter((free) => cells.has(free.cell));
  for (const free of shown) place(free, cells.get(free.cell));
  grid.classList.add("picking");
  sayBar(shown.length ? bar.dataset.sentence : bar.dataset.none);
}

function ask(button) {
  const form = dialog.querySelector("form");
  form.action = picked.dataset.move;
  form.elements.starts_at.value = button.dataset.value;
  form.elements.agent.value = button.dataset.agent;
  document.getElementById("move-said").textContent = fill(dialog.dataset.sentence, {
    who: isolated(picked.dataset.who),
    before: isolated(picked.dataset.at),
    after: isolated(button.dataset.said),
  });
  dialog.showModal();
}

/* Keys: up and down within a day or an agent, across to the nearest time beside it. */
function next(button, key) {
  const all = [...grid.querySelectorAll(".a-free button")];
  const column = Number(button.dataset.column);
  const own = all.filter((one) => Number(one.dataset.column) === column);
  if (key === "ArrowDown") return own[own.indexOf(button) + 1];
  if (key === "ArrowUp") return own[own.indexOf(button) - 1];
  const forward = (key === "ArrowRight") !== (document.dir === "rtl");
  const columns = [...new Set(all.map((one) => Number(one.dataset.column)))].sort((a, b) => a - b);
  const beside = columns[columns.indexOf(column) + (forward ? 1 : -1)];
  const time = button.lastChild.textContent;
  const there = all.filter((one) => Number(one.dataset.column) === beside);
  return there.find((one) => one.lastChild.textContent >= time) ?? there.at(-1);
}

function under(event) {
  return document.elementFromPoint(event.clientX, event.clientY)?.closest(".a-free button");
}

function follow() {
  if (!drag?.ghost) return;
  const { x, y } = drag;
  const box = scroll.getBoundingClientRect();
  if (y < EDGE_PX) window.scrollBy(0, -STEP_PX);
  else if (y > window.innerHeight - EDGE_PX) window.scrollBy(0, STEP_PX);
  if (x < box.left + EDGE_PX) scroll.scrollBy(-STEP_PX, 0);
  else if (x > box.right - EDGE_PX) scroll.scrollBy(STEP_PX, 0);
  requestAnimationFrame(follow);
}

function lift(event) {
  const box = drag.card.getBoundingClientRect();
  drag.ghost = drag.card.cloneNode(true);
  drag.ghost.classList.add("a-ghost");
  drag.ghost.setAttribute("aria-hidden", "true");
  drag.ghost.style.inlineSize = `${box.width}px`;
  document.body.append(drag.ghost);
  pick(drag.card);
  carry(event);
  requestAnimationFrame(follow);
}

function carry(event) {
  drag.x = event.clientX;
  drag.y = event.clientY;
  drag.ghost.style.transform = `translate(${event.clientX + 12}px, ${event.clientY + 12}px)`;
  grid.querySelectorAll(".over").forEach((one) => one.classList.remove("over"));
  under(event)?.classList.add("over");
}

function onMove(event) {
  if (!drag || event.pointerId !== drag.pointer) return;
  const far = Math.hypot(event.clientX - drag.fromX, event.clientY - drag.fromY) > FAR_PX;
  if (!drag.ghost && far) lift(event);
  else if (drag.ghost) carry(event);
}

function onEnd(event) {
  if (!drag || event.pointerId !== drag.pointer) return;
  const { ghost } = drag;
  drag = null;
  if (!ghost) return;
  ghost.remove();
  /* The press that ends a drag is no click on what lies there. */
  const still = (click) => click.preventDefault();
  addEventListener("click", still, { capture: true });
  setTimeout(() => removeEventListener("click", still, { capture: true }), 0);
  const target = event.type === "pointerup" ? under(event) : null;
  if (target) ask(target);
  else leave();
}

function watch() {
  grid.addEventListener("pointerdown", (event) => {
    const card = event.target.closest("[data-free]");
    const isHandle = event.target.closest(".a-move");
    if (!card || event.button !== 0 || (event.pointerType !== "mouse" && !isHandle)) return;
    drag = { card, pointer: event.pointerId, fromX: event.clientX, fromY: event.clientY, ghost: null };
  });
  document.addEventListener("pointermove", onMove);
  document.addEventListener("pointerup", onEnd);
  document.addEventListener("pointercancel", onEnd);
  grid.addEventListener("click", async (event) => {
    const chosen = event.target.closest(".a-free button");
    const handle = event.target.closest(".a-move");
    if (chosen) ask(chosen);
    if (!handle || event.defaultPrevented || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    await pick(handle.closest("[data-free]"));
    grid.querySelector(".a-free button")?.focus();
  });
  grid.addEventListener("keydown", (event) => {
    const button = event.target.closest(".a-free button");
    if (!button || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    next(button, event.key)?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && picked && !dialog.open) leave();
  });
  document.getElementById("leave-it").addEventListener("click", () => leave());
  document.getElementById("not-moved").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => leave());
}

if (grid && dialog) watch();
scroll?.querySelector("th.today")?.scrollIntoView({ inline: "center", block: "nearest" });
