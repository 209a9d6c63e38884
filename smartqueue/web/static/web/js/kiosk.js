/* The kiosk: one press takes a ticket, the slip prints, and the first screen comes back by itself. */

const IDLE_SECONDS = 45;
const content = document.getElementById("content");
const form = document.querySelector("form[data-once]");

for (const button of document.querySelectorAll(".k-button")) {
  button.addEventListener("click", () => {
    form.elements.queue.value = button.dataset.queueId;
    form.elements.service.value = button.dataset.service;
    form.elements.vehicle_category.value = button.dataset.vehicle;
  });
}

form?.addEventListener("submit", (event) => {
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => form && delete form.dataset.sent);

if (content.dataset.print) window.addEventListener("load", () => setTimeout(() => window.print(), 150));

let idle;
function restart() {
  clearTimeout(idle);
  idle = setTimeout(() => location.replace(content.dataset.idle), Number(content.dataset.seconds ?? IDLE_SECONDS) * 1000);
}
for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, restart);
restart();
