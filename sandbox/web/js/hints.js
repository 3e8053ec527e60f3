/** Three short hints on the first visit, one after the other; dismissed once, or done, they never come back. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { on } from "./store.js";

const KEY = "sandbox.hints";
const HINTS = [
  {
    id: "command",
    target: ".composer",
    side: "top",
    title: "Start here",
    text: [
      "Type ",
      h("code", null, "/promo"),
      " to see what promobot can do, or ",
      h("code", null, "/promo send"),
      " to text customers.",
    ],
    done: "posted",
  },
  {
    id: "acting",
    target: ".act-as",
    side: "right",
    title: "Two pairs of eyes",
    text: ["You are Maya. What she asks for, Lee approves: switch here."],
    done: "acted",
  },
  {
    id: "phone",
    target: ".phone-column",
    side: "left",
    title: "The customers' phones",
    text: ["Texts arrive on this phone. Reply as a customer, or move the clock to see reminders."],
    done: "replied",
  },
];

const seen = () => {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
};
const remember = (id) => {
  try {
    localStorage.setItem(KEY, JSON.stringify([...new Set([...seen(), id])]));
  } catch {
    /* a browser that keeps nothing shows them again */
  }
};

/** Show the hints that were not dismissed yet, unless the address says `hints=off`. */
export function mountHints(root) {
  if (new URLSearchParams(location.search).get("hints") === "off") return;
  let current = null;

  function place() {
    if (!current) return;
    const target = document.querySelector(current.hint.target);
    const box = target?.getBoundingClientRect();
    const busy = document.querySelector(".overlay, .popover");
    current.node.hidden = !box?.width || Boolean(busy);
    if (current.node.hidden) return;
    const own = current.node.getBoundingClientRect();
    const gap = 12;
    const spot = {
      top: [box.left + 16, box.top - own.height - gap],
      right: [box.right + gap, box.top + 8],
      left: [box.left - own.width - gap, box.top + 120],
    }[current.hint.side];
    current.node.style.left = `${Math.max(8, Math.min(spot[0], innerWidth - own.width - 8))}px`;
    current.node.style.top = `${Math.max(8, Math.min(spot[1], innerHeight - own.height - 8))}px`;
  }

  function next() {
    current?.node.remove();
    current = null;
    const left = HINTS.filter((hint) => !seen().includes(hint.id));
    if (!left.length) {
      removeEventListener("resize", place);
      clearInterval(timer);
      return;
    }
    const [hint] = left;
    const number = HINTS.indexOf(hint) + 1;
    const dismiss = (ids) => {
      ids.forEach(remember);
      next();
    };
    const node = h(
      "aside",
      { class: `coach coach-${hint.side}`, "aria-label": `Hint ${number} of ${HINTS.length}` },
      h(
        "div",
        { class: "coach-head" },
        h("b", null, hint.title),
        h(
          "button",
          {
            type: "button",
            class: "icon-btn",
            "aria-label": "Dismiss hints",
            on: { click: () => dismiss(HINTS.map((item) => item.id)) },
          },
          icon("close", 14),
        ),
      ),
      h("p", null, hint.text),
      h(
        "div",
        { class: "coach-foot" },
        h("span", null, `${number} of ${HINTS.length}`),
        h(
          "button",
          { type: "button", class: "coach-next", on: { click: () => dismiss([hint.id]) } },
          left.length > 1 ? "Next" : "Got it",
        ),
      ),
    );
    current = { hint, node };
    root.append(node);
    place();
  }

  for (const hint of HINTS)
    on(hint.done, () => {
      if (!seen().includes(hint.id)) {
        remember(hint.id);
        if (current?.hint === hint) next();
      }
    });
  addEventListener("resize", place);
  const timer = setInterval(place, 500);
  next();
}
