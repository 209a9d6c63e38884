/*
 * Follows queues, and a ticket, over one socket.
 *
 * A snapshot followed by the events of a topic equals a fresh read: the rules of `applyToStatus`
 * are those of smartqueue/queues/live.py. A version that does not follow the last one is a gap,
 * and is asked for again. When sockets do not get through, the status is polled with its ETag.
 */

const PROTOCOL = "smartqueue.v1";
const LAST_CALLED = 5;
const CALLS = new Set(["ticket.called", "ticket.recalled"]);
const AT_COUNTER = new Set(["called", "serving"]);
const SILENCE_MS = 50_000;
const BACKOFF_MAX_MS = 30_000;
const FINAL_CODES = new Set([4401, 4404]);
const REFUSALS = new Set(["not_found", "not_signed_in", "too_many_topics"]);
const RETRY_TOPIC_MS = 5000;

const without = (entries, ticket) => entries.filter((entry) => entry.ticket !== ticket);

function applyToFigures({ now_serving: serving, last_called: called }, type, data) {
  if (data.new_day) called = [];
  const { ticket, number, counter, state, called_at } = data;
  if (ticket === undefined) return { now_serving: serving, last_called: called };
  if (data.elsewhere) {
    return { now_serving: without(serving, ticket), last_called: without(called, ticket) };
  }
  const entry = { ticket, number, counter, state, called_at };
  if (!AT_COUNTER.has(state)) serving = without(serving, ticket);
  else if (serving.some((other) => other.ticket === ticket)) {
    serving = serving.map((other) => (other.ticket === ticket ? entry : other));
  } else serving = [...serving, entry];
  if (CALLS.has(type)) called = [entry, ...without(called, ticket)].slice(0, LAST_CALLED);
  else if (data.undo && state === "waiting") called = without(called, ticket);
  return { now_serving: serving, last_called: called };
}

export function applyToStatus(status, message) {
  const { data } = message;
  return {
    ...status,
    ...applyToFigures(status, message.event, data),
    version: message.version,
    state: data.queue_state,
    waiting_count: data.waiting_count,
    open_counters: data.open_counters,
  };
}

export function cookie(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

export class Live {
  /*
   * topics: "queue:<id>" first, then any other; ticketToken or signedIn asks for a socket ticket.
   * onStatus(topic, status, message|null), onEvent(message), onConnection("live"|"polling"|"offline"|"connecting").
   */
  constructor({ topics, ticketToken = "", signedIn = false, onStatus, onEvent, onConnection }) {
    this.topics = topics;
    this.ticketToken = ticketToken;
    this.signedIn = signedIn;
    this.onStatus = onStatus ?? (() => {});
    this.onEvent = onEvent ?? (() => {});
    this.onConnection = onConnection ?? (() => {});
    this.states = new Map();
    this.refused = new Set();
    this.etags = new Map();
    this.failures = 0;
    this.saveData = navigator.connection?.saveData === true;
    this.connection = "";
  }

  start() {
    window.addEventListener("online", () => this.retryNow());
    window.addEventListener("offline", () => this.say("offline"));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.socket?.readyState !== WebSocket.OPEN) this.retryNow();
    });
    this.connect();
    return this;
  }

  follows(topic) {
    return this.connection === "live" && this.states.has(topic);
  }

  version(topic) {
    return this.states.get(topic)?.version;
  }

  say(connection) {
    if (connection === this.connection) return;
    this.connection = connection;
    this.onConnection(connection);
  }

  retryNow() {
    if (this.socket?.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.retry);
    this.connect();
  }

  async socketTicket() {
    if (!this.ticketToken && !this.signedIn) return "";
    const headers = this.ticketToken
      ? { "X-Ticket-Token": this.ticketToken }
      : { "X-CSRFToken": cookie("__Host-csrftoken") || cookie("csrftoken") };
    const answer = await fetch("/api/accounts/auth/socket-ticket/", { method: "POST", headers });
    return answer.ok ? (await answer.json()).ticket : "";
  }

  async connect() {
    clearTimeout(this.retry);
    if (!this.connection) this.say("connecting");
    let ticket = "";
    try {
      ticket = await this.socketTicket();
    } catch {
      this.failed();
      return;
    }
    const first = this.topics[0];
    const since = this.version(first);
    const url = new URL(`/ws/queue/${first.slice("queue:".length)}/`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (since !== undefined) url.searchParams.set("since", since);
    const socket = new WebSocket(url, ticket ? [PROTOCOL, `ticket.${ticket}`] : [PROTOCOL]);
    this.socket = socket;
    socket.onopen = () => {
      for (const topic of this.topics.slice(1)) {
        if (!this.refused.has(topic)) this.subscribe(topic);
      }
      this.listen();
    };
    socket.onmessage = (message) => {
      this.failures = 0;
      clearTimeout(this.poll);
      this.poll = undefined;
      this.say("live");
      this.listen();
      this.receive(JSON.parse(message.data));
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.failed(event.code);
    };
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      const socket = this.socket;
      this.socket = undefined;
      socket?.close();
      this.failed();
    }, SILENCE_MS);
  }

  failed(code) {
    clearTimeout(this.silence);
    this.failures += 1;
    const ceiling = Math.min(BACKOFF_MAX_MS, 1000 * 2 ** this.failures);
    const wait = FINAL_CODES.has(code) ? BACKOFF_MAX_MS : ceiling * (0.25 + 0.75 * Math.random());
    this.retry = setTimeout(() => this.connect(), wait);
    if (!navigator.onLine) this.say("offline");
    else if (this.poll === undefined && (this.failures > 1 || FINAL_CODES.has(code))) this.pollAll();
  }

  async pollAll() {
    this.poll = 0;
    let reached = true;
    for (const topic of this.topics) {
      if (topic.startsWith("queue:")) reached = (await this.pollOne(topic)) && reached;
    }
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.poll = undefined;
      return;
    }
    this.say(reached ? "polling" : "offline");
    const seconds = (this.saveData ? 30 : 10) * (0.8 + 0.4 * Math.random());
    this.poll = setTimeout(() => this.pollAll(), seconds * 1000);
  }

  async pollOne(topic) {
    const headers = this.etags.has(topic) ? { "If-None-Match": this.etags.get(topic) } : {};
    try {
      const path = `/api/queues/queues/${topic.slice("queue:".length)}/status/`;
      const answer = await fetch(path, { headers, cache: "no-store" });
      if (answer.status === 304) return true;
      if (!answer.ok) return false;
      this.etags.set(topic, answer.headers.get("ETag") ?? "");
      const status = await answer.json();
      const before = this.version(topic);
      this.states.set(topic, status);
      if (before === undefined || status.version >= before) this.onStatus(topic, status, null);
      return true;
    } catch {
      return false;
    }
  }

  receive(message) {
    const { type, topic } = message;
    if (type === "snapshot") this.snapshot(message);
    else if (type === "event") this.event(message);
    else if (type === "estimate") this.estimate(message);
    else if (type === "heartbeat") {
      const mine = this.version(topic);
      if (mine !== undefined && message.version > mine) this.resume(topic, mine);
    } else if (type === "error" && topic) this.failedTopic(topic, message.code);
  }

  /* What is only not available for a moment (the database is away) is asked for again. */
  failedTopic(topic, code) {
    if (REFUSALS.has(code)) this.refused.add(topic);
    else setTimeout(() => this.subscribe(topic), RETRY_TOPIC_MS * (0.5 + Math.random()));
  }

  subscribe(topic) {
    const last = this.version(topic);
    this.send({ type: "subscribe", topic, ...(last === undefined ? {} : { since: last }) });
  }

  snapshot({ topic, version, data }) {
    const status = { ...data, version };
    this.states.set(topic, status);
    this.onStatus(topic, status, null);
  }

  event(message) {
    const { topic, version } = message;
    const state = this.states.get(topic);
    if (state === undefined || version <= state.version) return;
    if (version > state.version + 1) {
      this.resume(topic, state.version);
      return;
    }
    const next = topic.startsWith("queue:")
      ? applyToStatus(state, message)
      : { ...state, ...message.data, version };
    this.states.set(topic, next);
    this.onEvent(message);
    this.onStatus(topic, next, message);
  }

  estimate({ topic, data }) {
    const state = this.states.get(topic);
    if (state === undefined) return;
    const next = data && "estimate" in data ? { ...state, ...data } : { ...state, estimate: data };
    this.states.set(topic, next);
    this.onStatus(topic, next, null);
  }

  resume(topic, since) {
    this.send({ type: "resume", topic, since });
  }
}
