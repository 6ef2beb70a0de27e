"use strict";
(() => {
  const data = JSON.parse(document.getElementById("positions").textContent);
  const find = (id) => document.getElementById(id);
  const sliders = data.names.map((_, index) => find(`slider-${index}`));
  const selects = [find("alternative"), find("region")].filter(Boolean);
  const signs = ["", "≥ ", "≤ ", "≈ "];

  const money = (usd, sign = 0) =>
    signs[sign] + usd.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

  // A figure that is the same everywhere is one number; an axis on which it is the same has the length 1.
  const at = (figure, position) => {
    if (figure === null || typeof figure === "number") return figure;
    let index = 0;
    figure.shape.forEach((length, axis) => {
      index = index * length + (length > 1 ? position[axis] : 0);
    });
    return figure.values[index];
  };

  const chosen = () => {
    const [alternative, region] = ["alternative", "region"].map((id) => (find(id) ? find(id).selectedIndex : 0));
    return data.variations[`${alternative}.${region}`];
  };

  const difference = (usd, sign, before, signBefore) => {
    if (usd === null || before === null || sign || signBefore) return "unknown";
    const change = Math.round(100 * usd) - Math.round(100 * before);
    return (change < 0 ? "−" : "+") + money(Math.abs(change) / 100);
  };

  const cell = (row, tag, text, kind) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    if (tag === "th") made.scope = "row";
    row.append(made);
  };

  const cost = (usd, sign) => (usd === null ? "unpriced" : money(usd, sign));

  const rows = (variation, position, base) =>
    variation.components.map((one) => {
      const row = document.createElement("tr");
      const before = base.components.find((other) => other.name === one.name);
      const [usd, sign, peak] = [one.cost, one.sign, one.peak].map((figure) => at(figure, position));
      cell(row, "th", one.name);
      const unmet = at(one.unmet, position) ? " (more than may run)" : "";
      cell(row, "td", peak === null ? "" : peak.toLocaleString("en-US") + unmet, "right");
      const inNodes = one.in_nodes && usd === 0;
      cell(row, "td", inNodes ? "in nodes" : cost(usd, sign), "right");
      const was = before ? [at(before.cost, data.now), at(before.sign, data.now)] : [0, 0];
      cell(row, "td", inNodes ? "" : difference(usd, sign, ...was), "right");
      return row;
    });

  const said = (variation, position, base) => {
    const [floor, usd, ceiling] = variation.total.map((figure) => at(figure, position));
    const sign = at(variation.sign, position);
    if (usd === null) return "Nothing has a price.";
    const change = difference(usd, sign, at(base.total[1], data.now), at(base.sign, data.now));
    const most = ceiling === null ? "no limit" : money(ceiling, sign);
    const same = variation === base && data.now.every((place, index) => place === position[index]);
    const against = same ? "as on the page" : `against the page: ${change}`;
    return `${money(usd, sign)} USD a month expected, ${money(floor, sign)} to ${most}; ${against}`;
  };

  const command = (variation, position) => {
    const moved = data.sets.flatMap((texts, index) =>
      variation.applies[index] && position[index] !== data.now[index] ? [`--set ${texts[position[index]]}`] : []);
    return [variation.command, ...moved].join(" ");
  };

  const address = (position) => {
    const found = new URLSearchParams();
    for (const select of selects) if (select.value !== select.dataset.now) found.set(select.id, select.value);
    data.names.forEach((name, index) => {
      if (position[index] !== data.now[index]) found.set(name, data.labels[index][position[index]]);
    });
    return found.toString();
  };

  const show = () => {
    const variation = chosen();
    const base = data.variations[data.base];
    sliders.forEach((slider, index) => {
      const applies = Boolean(variation && variation.applies[index]);
      const text = variation && !applies ? "set by the alternative" : data.labels[index][slider.value];
      slider.disabled = !applies;
      slider.setAttribute("aria-valuetext", text);
      find(`value-${index}`).textContent = text;
    });
    find("figures").hidden = find("reproduce").hidden = !variation;
    if (!variation) {
      find("total").textContent = "There is no such plan: the alternative is not possible in this region.";
      return;
    }
    const position = sliders.map((slider, index) => (slider.disabled ? 0 : Number(slider.value)));
    find("total").textContent = said(variation, position, base);
    find("figures").tBodies[0].replaceChildren(...rows(variation, position, base));
    find("command").textContent = command(variation, position);
    find("copied").textContent = "";
  };

  const keep = () => {
    const said = address(sliders.map((slider) => Number(slider.value)));
    if (said || location.hash.includes("=")) history.replaceState(null, "", `#${said}`);
  };

  const restore = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    for (const select of selects) {
      const index = [...select.options].findIndex((option) => option.value === said.get(select.id));
      if (index >= 0) select.selectedIndex = index;
    }
    data.names.forEach((name, index) => {
      const place = data.labels[index].indexOf(said.get(name));
      if (place >= 0) sliders[index].value = place;
    });
    show();
  };

  const copy = async () => {
    const text = find("command");
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    find("copied").textContent = "Copied.";
  };

  const controls = find("controls");
  controls.addEventListener("input", () => { show(); keep(); });
  controls.addEventListener("reset", () => setTimeout(() => { show(); keep(); }));
  controls.addEventListener("submit", (event) => event.preventDefault());
  find("copy").addEventListener("click", copy);
  addEventListener("hashchange", () => { if (location.hash.includes("=")) restore(); });
  find("explorer").hidden = false;
  restore();
})();
