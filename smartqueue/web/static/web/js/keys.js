/* Large keys for a kiosk without a keyboard; a scanner types into the same field. */

const ROWS = ["1234567890", "ABCDEFGHIJ", "KLMNOPQRST", "UVWXYZ+"];
const box = document.querySelector("[data-keys]");
const input = document.getElementById("code");

function key(text, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "k-key";
  button.textContent = text;
  button.addEventListener("click", act);
  return button;
}

for (const sign of ROWS.join("")) box.append(key(sign, () => (input.value += sign)));
box.append(key("⌫", () => (input.value = input.value.slice(0, -1))));
box.hidden = false;
