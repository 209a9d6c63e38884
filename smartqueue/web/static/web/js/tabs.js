/* Brings the present page's tab into sight where the tabs are wider than the phone. */

document.querySelector(".a-tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
