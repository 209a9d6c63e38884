/* A button that prints, and a page that prints itself when it says so. */

document.getElementById("print")?.addEventListener("click", () => window.print());
