/**
 * Making DOM nodes without ever parsing a string as HTML.
 *
 * Whatever arrives from the bot, a customer or a colleague becomes a text node, so a name such as
 * `<img onerror=…>` is shown, never run.
 */

const SVG_NS = "http://www.w3.org/2000/svg";

/** Put `children` (nodes, strings, numbers, nested arrays; null and false are skipped) into `parent`. */
export function append(parent, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return parent;
}

function setProps(node, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "data") {
      for (const [key, item] of Object.entries(value))
        if (item !== undefined && item !== null) node.dataset[key] = item;
    } else if (name === "style") {
      for (const [key, item] of Object.entries(value)) node.style.setProperty(key, item);
    } else if (name === "value") {
      node.value = value;
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  return node;
}

/**
 * An HTML element: `h("button", {class: "btn", on: {click}}, "Save")`.
 * @param {string} tag
 * @param {object|null} props attributes, plus `on` (listeners), `data` (dataset), `style` (properties), `value`
 */
export function h(tag, props, ...children) {
  return append(setProps(document.createElement(tag), props), children);
}

/** An SVG element; `props` and `children` as in {@link h}. */
export function s(tag, props, ...children) {
  return append(setProps(document.createElementNS(SVG_NS, tag), props), children);
}

/** Replace everything inside `parent` with `children`. */
export function fill(parent, ...children) {
  parent.replaceChildren();
  return append(parent, children);
}

/**
 * Let `parent` have just these children, in this order. Those that are there already are not taken out meanwhile: a
 * click that begins on one would get lost, and so would its focus.
 */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

/** `fn`, called once `ms` milliseconds after the last of a burst of calls; `.cancel()` forgets a pending one. */
export function debounce(fn, ms) {
  let timer;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

let counter = 0;
/** An id no other element on the page has. */
export function uid(prefix = "id") {
  counter += 1;
  return `${prefix}-${counter}`;
}

const FOCUSABLE =
  'a[href], button:not([disabled]), input:not([disabled]), textarea:not([disabled]), select:not([disabled]), [tabindex]:not([tabindex="-1"]), [contenteditable="true"]';

/** The elements inside `root` that Tab reaches, in order. */
export function focusables(root) {
  return [...root.querySelectorAll(FOCUSABLE)].filter(
    (node) => !node.closest("[hidden], [inert]") && node.getClientRects().length,
  );
}

/** Keep Tab inside `root`: call it from a keydown listener. */
export function trapTab(event, root) {
  if (event.key !== "Tab") return;
  const stops = focusables(root);
  if (!stops.length) return;
  const [first, last] = [stops[0], stops[stops.length - 1]];
  const inside = root.contains(document.activeElement);
  if (event.shiftKey && (document.activeElement === first || !inside)) {
    event.preventDefault();
    last.focus();
  } else if (!event.shiftKey && (document.activeElement === last || !inside)) {
    event.preventDefault();
    first.focus();
  }
}
