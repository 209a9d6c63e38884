/* The tickets taken on this phone, so that the start page leads back to them for a day. */

const KEY = "smartqueue.tickets";
const DAY_MS = 86_400_000;

export function savedTickets() {
  try {
    const all = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return all.filter((ticket) => Date.now() - ticket.at < DAY_MS);
  } catch {
    return [];
  }
}

function store(tickets) {
  try {
    localStorage.setItem(KEY, JSON.stringify(tickets.slice(-6)));
  } catch {
    /* Storage is full or switched off: the address of the page is enough. */
  }
}

export function keepTicket(ticket) {
  store([...savedTickets().filter((other) => other.url !== ticket.url), { ...ticket, at: Date.now() }]);
}

export function forgetTicket(url) {
  store(savedTickets().filter((other) => other.url !== url));
}
