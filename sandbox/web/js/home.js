/** The bot's Home tab: the view that it published for the person. */

import { api } from "./api.js";
import { renderBlocks } from "./blocks/index.js";
import { avatar } from "./directory.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { on, state } from "./store.js";
import { makeSurface } from "./surface.js";

let root = null;
let surface = null;
let body = null;
let problem = null;
/** How many home views were pushed so far. */
let pushes = 0;

/** How long a first home tab may take before the page says that there is none: Slack gives a listener as long. */
const FIRST_HOME_MS = 3000;

function draw(view) {
  if (!root) return;
  if (!view?.blocks?.length) {
    surface = null;
    fill(
      root,
      h(
        "div",
        { class: "empty" },
        avatar(state.snapshot?.bot?.user_id, 56),
        h("h2", null, "Nothing here yet"),
        h(
          "p",
          null,
          state.snapshot?.bot?.connected
            ? "promobot has not published its home tab."
            : "promobot is connecting. Its home tab appears as soon as it is there.",
        ),
      ),
    );
    return;
  }
  if (surface?.key !== `home/${view.id}`) {
    problem = h("div", { class: "message-problem", role: "alert", hidden: true });
    body = h("div", { class: "home-body" });
    surface = makeSurface(
      "home",
      `home/${view.id}`,
      { type: "view", view_id: view.id },
      {
        held: view.state?.values,
        onError: (error) => {
          problem.hidden = !error;
          fill(problem, error ? [icon("warn", 14), error.message] : []);
        },
      },
    );
    fill(root, h("div", { class: "home-page" }, problem, body));
  }
  renderBlocks(body, view.blocks, surface);
}

/** Show the home tab in `node`, asking the server (which tells the bot that it was opened). */
export async function showHome(node, fresh) {
  root = node;
  const before = pushes;
  if (fresh || !surface) {
    surface = null;
    fill(
      root,
      h(
        "div",
        { class: "skeleton home-page", role: "status", "aria-label": "Loading" },
        [40, 90, 75, 60].map((width) =>
          h("div", { class: "skeleton-msg" }, h("div", null, h("span", { style: { width: `${width}%` } }))),
        ),
      ),
    );
  }
  try {
    const { view } = await api.home();
    // The bot may have published while the answer was under way: what it pushed is newer.
    if (root.hidden || pushes !== before) return;
    if (view) draw(view);
    else setTimeout(() => pushes === before && !root.hidden && draw(null), FIRST_HOME_MS);
  } catch (error) {
    if (pushes === before)
      fill(root, h("div", { class: "empty" }, icon("warn", 28), h("p", null, error.message)));
  }
}

on("home", (view) => {
  pushes += 1;
  if (root && !root.hidden) draw(view);
});
