// Light or dark as the system says, unless the person said otherwise. Runs before anything is painted.
"use strict";
(() => {
  let told = null;
  try { told = localStorage.getItem("sesevent-theme"); } catch { /* no storage: as the system says */ }
  if (told === "light" || told === "dark") document.documentElement.dataset.theme = told;
})();
