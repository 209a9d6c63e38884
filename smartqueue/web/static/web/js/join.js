/* The joining form: further people, and a button that works once. */

const people = document.getElementById("people");
const add = document.getElementById("add-person");

if (people && add) {
  const most = Number(people.dataset.most);
  const count = () => people.querySelectorAll("input").length;
  add.hidden = count() >= most;
  add.addEventListener("click", () => {
    const field = people.querySelector(".field").cloneNode(true);
    const input = field.querySelector("input");
    const label = field.querySelector("label");
    input.id = label.htmlFor = `name-${count() + 1}`;
    input.value = "";
    input.autocomplete = "off";
    input.required = false;
    label.firstChild.textContent = `${add.dataset.label} `;
    add.before(field);
    input.focus();
    add.hidden = count() >= most;
  });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", () => {
    /* After the submission has been gathered; a page shown again from the history works again. */
    setTimeout(() => {
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    });
  });
  window.addEventListener("pageshow", () => {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  });
}
