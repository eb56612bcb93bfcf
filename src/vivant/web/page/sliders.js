// One slider for each of the 45 parameters, in groups.

const OPEN = ["mouth", "face"];
const TITLES = { eyebrow: "brows", eye: "eyes", iris: "size of the irises", mouth: "mouth", gaze: "gaze", face: "head", body: "body", breathing: "breath" };
const other = name => name.replace(/_(left|right)$/, (_, side) => (side === "left" ? "_right" : "_left"));

/** Build the sliders of `parameters` in `place`; `paired()` tells whether left and right go together. */
export function buildSliders(place, parameters, paired) {
  const rows = new Map();
  for (const parameter of parameters) group(place, parameter.category).append(row(parameter));

  function row({ name, category, low, high }) {
    const line = document.createElement("label"), text = document.createElement("span");
    const input = document.createElement("input"), output = document.createElement("output");
    line.className = "slider";
    text.textContent = name.replace(`${category}_`, "").replaceAll("_", " ");
    Object.assign(input, { type: "range", min: low, max: high, step: 0.01, value: 0, id: name });
    output.textContent = "0.00";
    line.append(text, input, output);
    rows.set(name, { input, output });
    input.addEventListener("input", () => {
      set(name, input.valueAsNumber);
      if (paired() && rows.has(other(name))) set(other(name), input.valueAsNumber);
    });
    return line;
  }

  /** Move one slider; values out of its range end at its ends. */
  function set(name, value) {
    const { input, output } = rows.get(name);
    input.value = value;
    output.textContent = input.valueAsNumber.toFixed(2);
  }

  return {
    set,
    values: () => Array.from(rows.values(), ({ input }) => input.valueAsNumber),
    rest: () => rows.forEach((_, name) => set(name, 0)),
  };
}

function group(place, category) {
  const id = `group-${category}`;
  let found = document.getElementById(id);
  if (!found) {
    found = document.createElement("details");
    const title = document.createElement("summary");
    Object.assign(found, { id, open: OPEN.includes(category) });
    title.textContent = TITLES[category] || category;
    found.append(title);
    place.append(found);
  }
  return found;
}
