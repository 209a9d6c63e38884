/*
 * Passkeys: <form data-passkey="get" or "create" data-options="..."> asks the server for a challenge,
 * the device for an answer, and posts it. Hidden where the browser knows no passkeys. With
 * data-autofill the browser also offers passkeys where it completes names (autocomplete="webauthn").
 */

const toBytes = (text) => {
  const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(base64.padEnd(Math.ceil(base64.length / 4) * 4, "=")), (c) => c.charCodeAt(0));
};

const toText = (buffer) => {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

/* By hand, because many phones have no parseCreationOptionsFromJSON and toJSON yet. */
function readOptions(options) {
  const read = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: toBytes(options.user.id) };
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    if (options[list]) read[list] = options[list].map((known) => ({ ...known, id: toBytes(known.id) }));
  }
  return read;
}

function writeCredential(credential) {
  const { response } = credential;
  const written = { clientDataJSON: toText(response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[part]) written[part] = toText(response[part]);
  }
  if (response.getTransports) written.transports = response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response: written,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

async function ask(form) {
  const fields = form.elements;
  const body = {};
  if (form.dataset.mfa) body.token = form.dataset.mfa;
  if (fields.kind) body.kind = fields.kind.value;
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": fields.csrfmiddlewaretoken.value },
    body: JSON.stringify(body),
  });
  const given = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(given.code), { title: given.title });
  return given;
}

/* The name of a browser's failure, and what it means to a person. */
const WORDS = { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "known", SecurityError: "unsafe" };

async function answer(form, waiting = {}) {
  const asked = await ask(form);
  const publicKey = readOptions(asked.options);
  const credential = await navigator.credentials[form.dataset.passkey]({ publicKey, ...waiting });
  form.elements.token.value = asked.token ?? "";
  form.elements.credential.value = writeCredential(credential);
}

/* A challenge lives five minutes: it is asked for anew before, while somebody looks at the page. */
const RENEW_MS = 240_000;
let offer = null;

async function offerAutofill(form) {
  const known = await window.PublicKeyCredential?.isConditionalMediationAvailable?.();
  if (!known || offer || document.hidden) return;
  const controller = new AbortController();
  offer = controller;
  let isOver = false;
  const renewal = setTimeout(() => {
    isOver = true;
    controller.abort();
  }, RENEW_MS);
  try {
    await answer(form, { mediation: "conditional", signal: controller.signal });
    form.submit();
  } catch {
    /* The button beside it says what is wrong. */
  } finally {
    clearTimeout(renewal);
    if (offer === controller) offer = null;
  }
  if (isOver) offerAutofill(form);
}

/* The device answers one question at a time. */
function endAutofill() {
  offer?.abort();
  offer = null;
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const wrong = form.querySelector("[data-wrong]");
  const button = form.querySelector("button");
  form.hidden = !window.PublicKeyCredential;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.hidden = true;
    endAutofill();
    try {
      await answer(form);
      form.submit();
    } catch (error) {
      wrong.textContent = error.title ?? wrong.dataset[WORDS[error.name] ?? "failed"];
      wrong.hidden = false;
      button.disabled = false;
      button.focus();
      if ("autofill" in form.dataset) offerAutofill(form);
    }
  });
  window.addEventListener("pageshow", () => {
    button.disabled = false;
    if ("autofill" in form.dataset) offerAutofill(form);
  });
  if ("autofill" in form.dataset) document.addEventListener("visibilitychange", () => offerAutofill(form));
}

const unsupported = document.querySelector("[data-unsupported]");
if (unsupported) unsupported.hidden = Boolean(window.PublicKeyCredential);
