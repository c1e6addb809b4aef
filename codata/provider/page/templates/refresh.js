"use strict";
// Takes the parts that change from the page as it is now. Without script, reload the page.
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.pathname);
    if (!answer.ok) return;
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = now.querySelector(`[data-live="${part.dataset.live}"]`);
      const busy = part.contains(document.activeElement) || !getSelection().isCollapsed;
      if (other && !busy && other.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(other));
    }
  } catch {
    // The provider may be away for a while.
  }
}, 5000);
