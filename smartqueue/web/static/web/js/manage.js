/* The manager's view: fetched again whenever one of the queues moves, but not under somebody's hands. */

import { Live } from "./live.js";

const box = document.getElementById("manage");
const seen = new Map();
let pending;

function refresh() {
  clearTimeout(pending);
  pending = setTimeout(() => {
    if (document.activeElement?.matches("#manage input")) refresh();
    else window.htmx.ajax("GET", box.dataset.part, { target: "#manage", swap: "innerHTML" });
  }, 600);
}

const ids = box.dataset.queues.trim().split(/\s+/).filter(Boolean);
if (ids.length > 0) {
  new Live({
    topics: ids.map((id) => `queue:${id}`),
    signedIn: true,
    onStatus: (topic, status) => {
      if (seen.has(topic) && seen.get(topic) !== status.version) refresh();
      seen.set(topic, status.version);
    },
  }).start();
}
