/* The start page: the map (an extra, never needed), nearest first, and tickets kept on this phone. */

import "./near.js";
import { savedTickets } from "./tickets.js";

const box = document.getElementById("map");
let map;
let layer;

function marks() {
  return JSON.parse(document.querySelector("[data-marks]")?.dataset.marks ?? "[]");
}

function draw() {
  if (!window.L) return;
  const places = marks();
  box.hidden = places.length === 0;
  document.getElementById("found").classList.toggle("has-map", places.length > 0);
  if (places.length === 0) return;
  if (!map) {
    map = L.map(box, { scrollWheelZoom: false });
    L.tileLayer("https://tile.openstreetmap.org/{z}/{x}/{y}.png", {
      maxZoom: 18,
      attribution: "© OpenStreetMap",
    }).addTo(map);
    layer = L.layerGroup().addTo(map);
  }
  layer.clearLayers();
  const icon = L.divIcon({ html: '<div class="pin"></div>', className: "", iconSize: [26, 26], iconAnchor: [13, 30], popupAnchor: [0, -26] });
  for (const place of places) {
    const link = document.createElement("a");
    link.href = place.url;
    link.textContent = place.name;
    L.marker([place.lat, place.lon], { icon, title: place.name, alt: place.name }).bindPopup(link).addTo(layer);
  }
  map.invalidateSize();
  map.fitBounds(L.latLngBounds(places.map((p) => [p.lat, p.lon])).pad(0.2), { maxZoom: 14 });
}

function mine() {
  const tickets = savedTickets();
  const section = document.getElementById("mine");
  if (tickets.length === 0) return;
  const row = section.firstElementChild;
  const lead = document.createElement("strong");
  lead.textContent = section.dataset.lead;
  row.append(lead);
  for (const { number, url, place } of tickets) {
    const link = document.createElement("a");
    link.href = url;
    const figure = document.createElement("bdi");
    figure.textContent = number;
    link.append(figure, ` ${place}`);
    row.append(link);
  }
  section.hidden = false;
}

mine();
window.addEventListener("load", draw);
document.body.addEventListener("htmx:afterSwap", draw);
