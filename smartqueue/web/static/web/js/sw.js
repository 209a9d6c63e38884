/*
 * Keeps what a ticket page needs, and its last state, for when there is no network; and shows
 * the messages that come while no page is open.
 * ASSETS and ICON come before this file; what is in ASSETS decides the name of the cache.
 */

const STATIC = `static-${[...ASSETS.join()].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7)}`;
const TICKETS = "tickets";
const HASHED = /\.[0-9a-f]{12}\.\w+$/;
const TICKET_PATH = /^\/t\/[\w-]+\/(state\/)?$/;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(STATIC).then((cache) => cache.addAll(ASSETS)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((n) => n !== STATIC && n !== TICKETS).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()),
  );
});

/* A page in another language is another page, but the last state seen is better than none. */
async function ticket(request) {
  const cache = await caches.open(TICKETS);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request.url, answer.clone());
    else if (answer.status === 404) await cache.delete(request.url);
    return answer;
  } catch (error) {
    const kept = await cache.match(request.url);
    if (!kept) throw error;
    const headers = new Headers(kept.headers);
    headers.set("X-Kept-Offline", "1");
    return new Response(kept.body, { status: kept.status, headers });
  }
}

/* A name with a hash never changes; without one (development) the network has the last word. */
async function asset(request) {
  const kept = await caches.match(request, { ignoreVary: true });
  if (kept && HASHED.test(request.url)) return kept;
  if (kept) return fetch(request).catch(() => kept);
  const fresh = await fetch(request);
  if (fresh.ok) {
    const cache = await caches.open(STATIC);
    await cache.put(request, fresh.clone());
  }
  return fresh;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (TICKET_PATH.test(url.pathname)) event.respondWith(ticket(request));
  else if (url.pathname.startsWith("/static/web/")) event.respondWith(asset(request));
});

self.addEventListener("message", (event) => {
  const path = event.data?.keep;
  if (typeof path === "string" && TICKET_PATH.test(path)) {
    event.waitUntil(caches.open(TICKETS).then((cache) => cache.match(path).then((kept) => kept ?? cache.add(path))));
  }
});

/* A push is shown even when it cannot be read: a browser takes the right away from who stays silent. */
self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data?.json() ?? {};
  } catch {
    /* Shown without words. */
  }
  const { title = "SmartQueue", body = "", tag, link = "/", lang, dir = "auto", urgent = false } = said;
  const options = { body, lang, dir, data: { link }, requireInteraction: urgent, icon: ICON, badge: ICON };
  if (tag) Object.assign(options, { tag, renotify: true });
  if (urgent) options.vibrate = [400, 150, 400, 150, 800];
  event.waitUntil(self.registration.showNotification(title, options));
});

/* Only pages of this site are opened, whatever the message says. */
function placeOf(link) {
  try {
    const url = new URL(link, location.origin);
    return url.origin === location.origin ? url.href : location.origin;
  } catch {
    return location.origin;
  }
}

async function show(href) {
  const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const path = new URL(href).pathname;
  const there = open.find((client) => new URL(client.url).pathname === path);
  return there ? there.focus() : self.clients.openWindow(href);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(placeOf(event.notification.data?.link ?? "/")));
});
