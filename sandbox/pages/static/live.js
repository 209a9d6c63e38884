// Fetches new messages while the page is looked at; without it, reloading the page does the same.
const place = document.querySelector("[data-live]");
if (place) {
  let shown = "";
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(place.dataset.live).catch(() => null);
    if (!answer || !answer.ok) return;
    const text = await answer.text();
    if (text !== shown && shown !== "") place.innerHTML = text;
    shown = text;
  }, 2000);
}
