/* Sentences with figures in them; the page gives the sentences on <html data-...>. */

const root = document.documentElement;

export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function minutes(seconds, round) {
  return Math.max(0, round(seconds / 60));
}

export function clockTime(minutesCount) {
  if (minutesCount < 60) return fill(root.dataset.wMinutes, { n: minutesCount });
  const hours = Math.floor(minutesCount / 60);
  const rest = String(minutesCount % 60).padStart(2, "0");
  return fill(root.dataset.wHours, { h: hours, m: rest });
}

/* "between 12 and 20 min"; the same rules as smartqueue/web/wording.py. */
export function waitInterval(estimate) {
  if (!estimate) return root.dataset.wUnknown;
  const low = minutes(estimate.low, Math.floor);
  const high = minutes(estimate.high, Math.ceil);
  if (high <= 1) return root.dataset.wNow;
  if (low === high) return fill(root.dataset.wAbout, { high: clockTime(high) });
  if (low < 1) return fill(root.dataset.wUpTo, { high: clockTime(high) });
  if (high < 60) return fill(root.dataset.wBetweenMinutes, { low, high });
  return fill(root.dataset.wBetween, { low: clockTime(low), high: clockTime(high) });
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
