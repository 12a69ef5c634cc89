"use strict";
// The parts of the page that answer: the map of sizes, and the list of files. All text goes into
// the page as text (textContent), never as HTML: names of files are whatever somebody called them.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const FILE = 0, DIR = 1, LINK = 2, CONFFILE = 4, ADDED = 8, CHANGED = 16;
  const LEVEL = 3; // the bits of the type
  const MOST_TILES = 120, MOST_INNER = 2500; // in all
  const SMALLEST = 40; // square pixels
  const MOST_ROWS = 500; // of the sizes as a table
  const PAGE = 100; // rows of a list at a time

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function sizeText(size) {
    for (const [unit, one] of [["G", 2 ** 30], ["M", 2 ** 20], ["K", 2 ** 10]])
      if (size >= one) return `${(size / one).toFixed(1)}${unit}`;
    return countText(size, "byte");
  }

  const countText = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const shareText = (part, whole) => {
    const share = whole ? (100 * part) / whole : 0;
    return share > 0 && share < 0.1 ? "< 0.1 %" : `${share.toFixed(1)} %`;
  };

  // What a package holds. Parents stand before what is in them, and 0 is the package itself.
  const { parents, names, kinds, sizes, rights, origins, distributions } = data.paths;
  const paths = [];
  names.forEach((name, i) => paths.push(parents[i] ? `${paths[parents[i] - 1]}/${name}` : name));

  function branch(name, path, up, index = -1) {
    const made = { name, path, up, index, size: 0, files: 0, inside: [], isDir: true };
    if (up) up.inside.push(made);
    return made;
  }

  function sum(node) {
    for (const each of node.inside) {
      sum(each);
      node.size += each.size;
      node.files += each.files;
    }
    node.inside.sort((one, other) => other.size - one.size || (one.path < other.path ? -1 : 1));
    return node;
  }

  function leaf(i, up) {
    const made = branch(names[i], paths[i], up, i);
    made.isDir = false;
    made.size = sizes[i];
    made.files = Number((kinds[i] & LEVEL) === FILE);
  }

  function byDirectory() {
    const nodes = [branch(data.name, "", null)];
    names.forEach((name, i) => {
      const up = nodes[parents[i]];
      if ((kinds[i] & LEVEL) === DIR) nodes.push(branch(name, paths[i], up, i));
      else nodes.push(null), leaf(i, up);
    });
    return sum(nodes[0]);
  }

  function byDependency() {
    const root = branch(data.name, "", null);
    const groups = data.distributions.map((name) => new Map([["", branch(name || "the project itself", "", root)]]));
    names.forEach((_, i) => {
      if ((kinds[i] & LEVEL) !== DIR) leaf(i, directory(groups[distributions[i]], parents[i]));
    });
    root.inside = root.inside.filter((each) => each.inside.length);
    root.inside.forEach(shorten);
    return sum(root);
  }

  // The directory in one dependency, made where it is not there yet; `number` counts from 1.
  function directory(group, number) {
    if (!number) return group.get("");
    const path = paths[number - 1];
    if (!group.has(path)) group.set(path, branch(names[number - 1], path, directory(group, parents[number - 1]), number - 1));
    return group.get(path);
  }

  // A directory that holds one directory and nothing else is one step with it.
  function shorten(node) {
    while (node.inside.length === 1 && node.inside[0].isDir) {
      node.inside = node.inside[0].inside;
      for (const each of node.inside) each.up = node;
    }
    node.inside.forEach(shorten);
  }

  // Rectangles of the areas that the sizes have, as square as can be (Bruls, Huizing, van Wijk:
  // Squarified Treemaps, 2000). `nodes` come largest first.
  function squarify(nodes, x, y, width, height, place) {
    const total = nodes.reduce((before, each) => before + each.size, 0);
    const scale = total ? (width * height) / total : 0;
    let first = 0;
    while (first < nodes.length && width > 0 && height > 0) {
      const side = Math.min(width, height);
      let last = first, area = 0, worst = Infinity;
      while (last < nodes.length) {
        const more = area + nodes[last].size * scale;
        const now = Math.max((side ** 2 * nodes[first].size * scale) / more ** 2, more ** 2 / (side ** 2 * nodes[last].size * scale));
        if (now > worst) break;
        [area, worst] = [more, now];
        last += 1;
      }
      const depth = area / side;
      let along = 0;
      for (const each of nodes.slice(first, last)) {
        const length = (each.size * scale) / depth;
        if (width >= height) place(each, x, y + along, depth, length);
        else place(each, x + along, y, length, depth);
        along += length;
      }
      if (width >= height) [x, width] = [x + depth, width - depth];
      else [y, height] = [y + depth, height - depth];
      first = last;
    }
  }

  // What has a size, largest first; the smallest in one node where they are too many.
  function shares(node, most) {
    const found = node.inside.filter((each) => each.size > 0);
    if (found.length <= most) return found;
    const rest = { ...branch(`${(found.length - most + 1).toLocaleString("en")} smaller`, node.path, null), up: node };
    rest.inside = found.slice(most - 1);
    for (const each of rest.inside) {
      rest.size += each.size;
      rest.files += each.files;
    }
    return [...found.slice(0, most - 1), rest].sort((one, other) => other.size - one.size);
  }

  const map = at("map");
  const roots = { directory: byDirectory() };
  let here = roots.directory;
  let tiles = [];

  function put(made, x, y, width, height) {
    Object.assign(made.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    return made;
  }

  function tell(node) {
    const parts = [sizeText(node.size), `${shareText(node.size, here.size)} of ${here.up ? here.name : "the package"}`];
    if (node.isDir) parts.push(countText(node.files, "file"));
    if (node.index >= 0 && !node.isDir) parts.push(...source(node.index));
    return parts;
  }

  function source(i) {
    return [data.distributions[distributions[i]], data.origins[origins[i]]].filter(Boolean);
  }

  // What is in directories, drawn into them as deep as there is room; to be seen, and no more.
  // The outer ones come first, so that none has everything and another nothing.
  function nest(waiting) {
    let left = MOST_INNER;
    for (const { tile, node, x, y, w, h } of waiting) { // which grows meanwhile
      if (w < 24 || h < 16) continue;
      squarify(node.inside.filter((each) => each.size > 0), x, y, w, h, (inner, across, down, wide, high) => {
        if (wide * high < SMALLEST || left <= 0) return;
        left -= 1;
        const drawn = put(element("span", { className: "leaf" }), across, down, wide, high);
        drawn.setAttribute("aria-hidden", "true");
        if (wide > 50 && high > 18) drawn.textContent = inner.name;
        tile.append(drawn);
        if (inner.isDir && wide > 50) waiting.push({ tile, node: inner, x: across + 3, y: down + 19, w: wide - 6, h: high - 22 });
      });
    }
  }

  function draw(focused) {
    const held = document.activeElement === map || map.contains(document.activeElement);
    const [width, height] = [map.clientWidth, map.clientHeight];
    tiles = [];
    const waiting = [];
    squarify(shares(here, MOST_TILES), 0, 0, width, height, (node, x, y, w, h) => {
      const told = [`${node.name} ${sizeText(node.size)}`, ...(node.isDir ? ["directory"] : []), ...tell(node).slice(1)];
      const face = element("button", { type: "button", className: "face", tabIndex: -1 });
      face.setAttribute("aria-label", told.join(", "));
      if (w > 34 && h > 20) face.append(element("b", {}, node.name), ` ${sizeText(node.size)}`);
      const tile = put(element("div", { className: `tile c${tiles.length % 8}` }, face), x, y, w, h);
      if (node.isDir) waiting.push({ tile, node, x: 3, y: 22, w: w - 8, h: h - 27 });
      tiles.push({ node, tile, face, x: x + w / 2, y: y + h / 2 });
    });
    nest(waiting);
    map.replaceChildren(...tiles.map((each) => each.tile));
    if (!tiles.length) map.append(element("p", { className: "note" }, "Nothing here has a size."));
    const chosen = tiles.find((each) => each.node === focused || (focused && each.node.inside.includes(focused))) || tiles[0];
    if (chosen) {
      chosen.face.tabIndex = 0;
      if (held || focused) chosen.face.focus({ preventScroll: true });
    }
  }

  function trail() {
    const steps = [];
    for (let node = here; node; node = node.up) steps.unshift(node);
    at("crumbs").replaceChildren(...steps.map((node) => {
      const button = element("button", { type: "button", className: "path" }, node.name);
      if (node === here) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => go(node));
      return element("li", {}, button);
    }));
  }

  function listSizes() {
    const more = here.inside.length - MOST_ROWS;
    at("rows").replaceChildren(...here.inside.slice(0, MOST_ROWS).map((node) => {
      const name = node.isDir ? element("button", { type: "button", className: "link path" }, `${node.name}/`) : element("span", { className: "path" }, node.name);
      if (node.isDir) name.addEventListener("click", () => go(node));
      const numbers = [sizeText(node.size), shareText(node.size, here.size), node.files.toLocaleString("en")];
      return element("tr", {}, element("th", { scope: "row" }, name), ...numbers.map((text) => element("td", { className: "number" }, text)));
    }));
    if (more > 0) at("rows").append(element("tr", {}, element("td", { colSpan: 4 }, `and ${more.toLocaleString("en")} smaller`)));
  }

  // Show what is in a directory; the focus comes to what one has come from, or to the largest.
  function go(node, from = null) {
    here = node;
    map.classList.remove("entered");
    void map.offsetWidth; // so that the animation begins again
    map.classList.add("entered");
    trail();
    listSizes();
    at("about").textContent = "";
    at("said").textContent = `${node.name}: ${sizeText(node.size)}, ${countText(node.files, "file")}`;
    draw(from);
    if (!from && tiles[0]) tiles[0].face.focus({ preventScroll: true });
  }

  const chosen = (target) => tiles.find((each) => each.face === target.closest(".face"));

  function open({ node }) {
    if (node.isDir) return go(node);
    at("kind").value = (kinds[node.index] & LEVEL) === LINK ? "link" : "all";
    at("query").value = node.path;
    search();
    at("query").focus();
  }

  const TOWARDS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // The nearest tile in a direction: how far it is, and twice how far beside.
  function nearest(from, [across, down]) {
    let best = null, least = Infinity;
    for (const each of tiles) {
      const [x, y] = [each.x - from.x, each.y - from.y];
      const ahead = x * across + y * down, beside = Math.abs(x * down) + Math.abs(y * across);
      if (ahead > 0.5 && ahead + 2 * beside < least) [best, least] = [each, ahead + 2 * beside];
    }
    return best;
  }

  map.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const now = chosen(event.target);
    let next = null;
    if (event.key === "Escape" || event.key === "Backspace") {
      if (here.up) go(here.up, here);
    } else if (now && TOWARDS[event.key]) next = nearest(now, TOWARDS[event.key]);
    else if (event.key === "Home") next = tiles[0];
    else if (event.key === "End") next = tiles[tiles.length - 1];
    else return;
    event.preventDefault();
    if (next) {
      if (now) now.face.tabIndex = -1;
      next.face.tabIndex = 0;
      next.face.focus();
    }
  });
  map.addEventListener("click", (event) => {
    const found = chosen(event.target);
    if (found) open(found);
  });
  for (const kind of ["mouseover", "focusin"])
    map.addEventListener(kind, (event) => {
      const found = chosen(event.target);
      if (found) at("about").textContent = `${found.node.path || found.node.name}${found.node.isDir && found.node.path ? "/" : ""} · ${tell(found.node).join(" · ")}`;
    });

  at("explorer").hidden = false;
  at("views").hidden = data.distributions.length < 2;
  at("views").addEventListener("change", (event) => {
    const view = event.target.value;
    roots[view] ??= byDependency();
    here = roots[view];
    trail();
    listSizes();
    draw(null);
  });
  trail();
  listSizes();
  let known = 0;
  new ResizeObserver(() => {
    if (map.clientWidth === known) return;
    known = map.clientWidth;
    draw(null);
  }).observe(map);

  // The list of files.
  const KINDS = {
    all: (kind) => (kind & LEVEL) !== DIR,
    changed: (kind) => kind & (ADDED | CHANGED),
    conffile: (kind) => kind & CONFFILE,
    link: (kind) => (kind & LEVEL) === LINK,
    dir: (kind) => (kind & LEVEL) === DIR,
  };
  // A directory is as large as all that is in it; parents stand first.
  const whole = [...sizes];
  for (let i = names.length - 1; i >= 0; i -= 1) if (parents[i]) whole[parents[i] - 1] += whole[i];
  const orders = { path: names.map((_, i) => i), size: null };
  let lowered = null, matching = [], shownRows = 0;

  // Which paths a word of the search matches: as a part of it or of its origin, or as a pattern.
  function matcher(word) {
    if (!/[*?]/.test(word)) return (i) => lowered[i].includes(word);
    const pattern = word.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*").replace(/\?/g, ".");
    const whole = new RegExp(`^(?:.*/)?${pattern}$`);
    return (i) => whole.test(paths[i].toLowerCase());
  }

  function search() {
    lowered ??= paths.map((path, i) => [path, ...source(i)].join("\n").toLowerCase());
    orders.size ??= names.map((_, i) => i).sort((one, other) => whole[other] - whole[one] || one - other);
    const tests = at("query").value.toLowerCase().split(/\s+/).filter(Boolean).map(matcher);
    const fits = KINDS[at("kind").value];
    matching = orders[at("order").value].filter((i) => fits(kinds[i]) && tests.every((test) => test(i)));
    const files = matching.filter((i) => (kinds[i] & LEVEL) === FILE);
    const size = files.reduce((before, i) => before + sizes[i], 0);
    at("found").textContent = `${matching.length.toLocaleString("en")} of ${countText(names.length, "path")}${files.length ? `, ${sizeText(size)}` : ""}`;
    shownRows = 0;
    at("list").replaceChildren();
    showMore();
  }

  function row(i) {
    const path = element("th", { scope: "row" }, element("span", { className: "path" }, paths[i] + ((kinds[i] & LEVEL) === DIR ? "/" : "")));
    if ((kinds[i] & LEVEL) === LINK) path.append(element("span", { className: "path" }, ` → ${data.links[i]}`));
    for (const [bit, text] of [[CONFFILE, "configuration"], [ADDED, "new"], [CHANGED, "changed"]])
      if (kinds[i] & bit) path.append(" ", element("span", { className: "tag" }, text));
    const size = data.unknown.includes(i) ? "?" : (kinds[i] & LEVEL) === LINK ? "" : sizeText(whole[i]);
    return element("tr", {}, path, element("td", { className: "number" }, size), element("td", {}, data.rights[rights[i]]), element("td", {}, source(i).join(", ")));
  }

  function showMore() {
    at("list").append(...matching.slice(shownRows, shownRows + PAGE).map(row));
    shownRows = Math.min(shownRows + PAGE, matching.length);
    at("more").hidden = shownRows >= matching.length;
  }

  at("finder").hidden = false;
  at("finder").querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  at("more").addEventListener("click", () => {
    const first = shownRows;
    showMore();
    const next = at("list").children[first];
    if (next && at("more").hidden) Object.assign(next, { tabIndex: -1 }).focus(); // the button is gone
  });
  let waits = 0;
  at("query").addEventListener("input", () => {
    cancelAnimationFrame(waits);
    waits = requestAnimationFrame(search);
  });
  for (const id of ["kind", "order"]) at(id).addEventListener("change", search);
  search();
})();
