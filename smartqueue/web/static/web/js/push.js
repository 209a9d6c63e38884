/*
 * Asks a browser to show messages while no page is open, and says in words what stands in the way.
 * The box carries the sentences, the key, and the token of the ticket that it is about, if any.
 */

const box = document.querySelector("[data-push]");
const button = box?.querySelector("button");
const said = box?.querySelector("[data-push-said]");
const ON_KEY = box && `smartqueue.push.${box.dataset.push || "account"}`;

const cookie = (name) => document.cookie.match(`(?:^|; )${name}=([^;]*)`)?.[1] ?? "";

function say(state) {
  box.dataset.state = state;
  box.hidden = false;
  const isOn = state === "on";
  button.hidden = ["denied", "unsupported", "install"].includes(state);
  button.disabled = state === "asking";
  button.setAttribute("aria-pressed", String(isOn));
  button.querySelector("span").textContent = isOn ? box.dataset.tStop : box.dataset.tStart;
  const text = box.dataset[`t${state[0].toUpperCase()}${state.slice(1)}`] ?? "";
  if (said.textContent !== text) said.textContent = text;
}

/* An iPhone pushes only to pages that stand on its home screen. */
function needsInstalling() {
  const isApple = /iphone|ipad|ipod/i.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
  return isApple && !navigator.standalone && !matchMedia("(display-mode: standalone)").matches;
}

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}

const isSame = (a, b) => a && a.byteLength === b.byteLength && new Uint8Array(a).every((byte, i) => byte === b[i]);

async function post(path, body) {
  const token = box.dataset.push;
  const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() };
  if (token) headers["X-Ticket-Token"] = token;
  else headers["X-CSRFToken"] = cookie("__Host-csrftoken") || cookie("csrftoken");
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`push: ${answer.status}`);
}

/* One subscription serves every ticket and the account; it is made anew when our key is another. */
async function subscribe() {
  const { pushManager } = await navigator.serviceWorker.ready;
  const key = bytes(box.dataset.key);
  let found = await pushManager.getSubscription();
  if (found && found.options?.applicationServerKey && !isSame(found.options.applicationServerKey, key)) {
    await found.unsubscribe();
    found = null;
  }
  found ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = found.toJSON();
  await post("/api/notifications/browsers/", { endpoint, keys });
}

function remember(on) {
  try {
    if (on) localStorage.setItem(ON_KEY, "1");
    else localStorage.removeItem(ON_KEY);
  } catch {
    /* It is asked again at the next visit. */
  }
}

function isRemembered() {
  try {
    return Boolean(localStorage.getItem(ON_KEY));
  } catch {
    return false;
  }
}

async function start() {
  say("asking");
  try {
    const answer = await Notification.requestPermission();
    if (answer !== "granted") return say(answer === "denied" ? "denied" : "off");
    await subscribe();
    remember(true);
    return say("on");
  } catch {
    return say("failed");
  }
}

/* The browser stays subscribed: another ticket of this phone may count on it. */
async function stop() {
  say("asking");
  try {
    const { pushManager } = await navigator.serviceWorker.ready;
    const found = await pushManager.getSubscription();
    if (found) await post("/api/notifications/browsers/remove/", { endpoint: found.endpoint });
    remember(false);
    say("off");
  } catch {
    say("failed");
  }
}

function open() {
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) {
    return say(needsInstalling() ? "install" : "unsupported");
  }
  if (Notification.permission === "denied") return say("denied");
  navigator.serviceWorker.register("/sw.js").catch(() => {});
  button.addEventListener("click", () => (box.dataset.state === "on" ? stop() : start()));
  if (!isRemembered() || Notification.permission !== "granted") return say("off");
  say("on");
  return subscribe().catch(() => say("failed"));
}

if (box) open();
