/* Tries the page again until the service answers. */

setInterval(async () => {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    if (answer.status !== 503) location.reload();
  } catch {
    /* Still away. */
  }
}, 8000 + Math.random() * 4000);
