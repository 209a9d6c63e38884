/* Loads the page again with where the person is; without this a commune is written instead. */

const button = document.getElementById("near");

if (button && navigator.geolocation && window.isSecureContext) {
  button.hidden = false;
  button.addEventListener("click", () => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const url = new URL(location.href);
        url.searchParams.set("lat", coords.latitude.toFixed(4));
        url.searchParams.set("lon", coords.longitude.toFixed(4));
        location.assign(url);
      },
      () => {
        button.querySelector("span").textContent = button.dataset.failed;
      },
      { timeout: 10_000, maximumAge: 300_000 },
    );
  });
}
