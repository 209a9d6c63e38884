// Fetches new messages while the page is looked at; without it, reloading the page does the same.
const place = document.querySelector("[data-live]");
if (place) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(place.dataset.live).catch(() => null);
    if (!answer || !answer.ok) return;
    const fresh = document.createElement("div");
    fresh.innerHTML = await answer.text();
    if (fresh.textContent.trim() !== place.textContent.trim()) place.replaceChildren(...fresh.childNodes);
  }, 2000);
}
