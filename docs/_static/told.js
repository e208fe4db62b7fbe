/* Beside each page that the search finds, its first sentence. The theme's way would fetch the page, which a browser forbids
   where pages are files. `TOLD` is made by the build. */
(() => {
  const root = document.documentElement.dataset.content_root || "./";
  const told = (link) => {
    const page = link.getAttribute("href").replace(root, "").replace(/^\.\//, "").replace(/\.html.*$/, "");
    return window.TOLD[page];
  };
  const add = () => {
    for (const link of document.querySelectorAll("ul.search > li > a:only-of-type")) {
      const item = link.parentElement;
      if (item.querySelector(".context") || !told(link)) continue;
      const words = document.createElement("p");
      words.className = "context";
      words.textContent = told(link);
      item.append(words);
    }
  };
  const results = document.querySelector("#search-results");
  if (results) new MutationObserver(add).observe(results, { childList: true, subtree: true });
})();
