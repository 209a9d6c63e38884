/* Keeps the public figures of queues fresh on any page: elements with data-queue and data-figure. */

import { Live } from "./live.js";
import { setText, waitInterval } from "./words.js";

function show(topic, status) {
  const id = topic.slice("queue:".length);
  for (const box of document.querySelectorAll(`[data-queue="${id}"]`)) {
    for (const element of box.querySelectorAll("[data-figure]")) {
      const { figure } = element.dataset;
      /* The same rule as `serves_nobody` in templatetags/web.py. */
      const servesNobody = status.state === "open" && status.open_counters === 0 && !status.estimate;
      if (figure === "waiting") setText(element, status.waiting_count === null ? "–" : String(status.waiting_count));
      else if (figure === "counters") setText(element, String(status.open_counters));
      else if (figure === "some") element.hidden = status.waiting_count === 0;
      else if (figure === "nobody") element.hidden = status.waiting_count !== 0;
      else if (figure === "no-counter") element.hidden = !servesNobody;
      else if (figure === "estimate" && "estimate" in status) {
        element.hidden = servesNobody;
        setText(element, waitInterval(status.estimate));
      } else if (figure === "state") {
        element.className = `chip ${status.state}`;
        setText(element, element.dataset[status.state]);
      } else if (figure === "join") element.hidden = status.state !== "open";
    }
  }
}

const ids = [...new Set([...document.querySelectorAll("[data-queue]")].map((box) => box.dataset.queue))];
if (ids.length > 0 && ids.length <= 20) {
  new Live({ topics: ids.map((id) => `queue:${id}`), onStatus: show }).start();
}
