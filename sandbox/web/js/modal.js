/**
 * Modals: the person's stack of views, the top one shown.
 *
 * What was typed lives in each view's surface, so it survives updates, a timeout, a pushed view and its closing.
 */

import { api } from "./api.js";
import { renderBlocks } from "./blocks/index.js";
import { avatar } from "./directory.js";
import { fill, focusables, h, trapTab, uid } from "./dom.js";
import { icon, spinner } from "./icons.js";
import { onEscape } from "./layer.js";
import { on, state } from "./store.js";
import { makeSurface } from "./surface.js";
import { plain } from "./text.js";

const TROUBLE = "We had some trouble connecting. What you entered is still here; try again.";

/** The open views' sheets by view id, in the order of the stack. */
const sheets = new Map();
/** Which of the stack's changes is on the screen. */
let shownVersion = 0;
let overlay = null;
let release = null;
let returnTo = null;

const top = () => [...sheets.values()].at(-1);

/** One view as a dialog, with `update(view)`. */
function makeSheet(view) {
  const id = uid("modal");
  const title = h("h2", { class: "modal-title", id: `${id}-title` });
  const back = h(
    "button",
    {
      type: "button",
      class: "icon-btn modal-back",
      "aria-label": "Back",
      title: "Back",
      on: { click: () => leave(false) },
    },
    icon("back", 18),
  );
  const close = h(
    "button",
    {
      type: "button",
      class: "icon-btn modal-x",
      "aria-label": "Close",
      title: "Close (Esc)",
      on: { click: () => leave(true) },
    },
    icon("close", 18),
  );
  const banner = h("div", { class: "modal-banner", role: "alert", hidden: true });
  const body = h("div", { class: "modal-blocks" });
  const scroll = h("div", { class: "modal-scroll" }, body);
  const cancel = h("button", {
    type: "button",
    class: "btn",
    on: { click: () => leave(sheet.view.clear_on_close === true) },
  });
  const submit = h("button", { type: "submit", class: "btn btn-primary", data: { role: "submit" } });
  const foot = h("footer", { class: "modal-foot" }, cancel, submit);
  const form = h(
    "form",
    {
      class: "dialog modal",
      role: "dialog",
      "aria-modal": "true",
      "aria-labelledby": `${id}-title`,
      novalidate: true,
      data: { viewId: view.id, callbackId: view.callback_id },
      on: {
        submit: (event) => {
          event.preventDefault();
          send();
        },
        keydown: (event) => {
          trapTab(event, form);
          if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
            event.preventDefault();
            send();
          }
        },
      },
    },
    h("header", { class: "modal-head" }, back, avatar(state.snapshot?.bot?.user_id, 24), title, close),
    banner,
    scroll,
    foot,
  );

  const surface = makeSurface(
    "modal",
    `view/${view.id}`,
    { type: "view", view_id: view.id },
    {
      held: view.state?.values,
      touched: (blockId) => block(blockId)?.setError?.(null),
      submit: () => send(),
      onError: (error) => trouble(error && (error.code === "operation_timeout" ? TROUBLE : error.message)),
    },
  );
  const block = (blockId) =>
    [...body.querySelectorAll(".block")].find((node) => node.dataset.blockId === blockId)?.firstElementChild;

  function trouble(text) {
    banner.hidden = !text;
    fill(banner, text ? [icon("warn", 16), h("span", null, text)] : []);
  }

  function showErrors(errors) {
    const homeless = [];
    let first = null;
    for (const [blockId, text] of Object.entries(errors)) {
      const node = block(blockId);
      if (!node?.setError) homeless.push(text);
      else {
        node.setError(text);
        first ??= node;
      }
    }
    // An error for a block that is not an input has no field to stand at; dropping it would leave the person stuck.
    trouble(homeless.join(" ") || null);
    const stops = [...body.querySelectorAll(".has-error")][0] ?? first;
    stops?.scrollIntoView({
      block: "center",
      behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth",
    });
    if (stops)
      (
        focusables(stops).find((node) => node.matches("[data-action-id], input")) ?? focusables(stops)[0]
      )?.focus({ preventScroll: true });
  }

  function busy(flag) {
    sheet.busy = flag;
    submit.setAttribute("aria-busy", String(flag));
    submit.disabled = flag || sheet.view.submit_disabled === true;
    fill(
      submit,
      h("span", { class: "btn-label" }, plain(sheet.view.submit) || "Submit"),
      flag ? spinner("Submitting") : null,
    );
  }

  async function send() {
    if (sheet.busy || !sheet.view.submit || sheet.view.submit_disabled) return;
    busy(true);
    trouble(null);
    for (const node of body.querySelectorAll(".block-input")) node.setError(null);
    try {
      const answer = await api.submit(view.id, surface.values.state());
      if (answer.response_action === "errors") showErrors(answer.errors ?? {});
      else if (answer.views) take(answer);
      // The next step begins at its top, wherever the button of the last one was.
      if (answer.response_action === "update") scroll.scrollTop = 0;
    } catch (error) {
      trouble(error.code === "operation_timeout" || error.code === "offline" ? TROUBLE : error.message);
    } finally {
      busy(false);
    }
  }

  async function leave(clear) {
    if (sheet.busy) return;
    const ids = [...sheets.keys()];
    showStack(clear ? [] : ids.slice(0, -1).map((key) => sheets.get(key).view));
    try {
      await api.close(view.id, clear);
    } catch {
      /* it is gone from the screen either way; the server forgets it with the next one that opens */
    }
  }

  const sheet = {
    view,
    node: form,
    leave,
    busy: false,
    update(next, depth) {
      const fresh = next !== sheet.view || !body.childElementCount;
      sheet.view = next;
      title.textContent = plain(next.title);
      back.hidden = depth === 0;
      cancel.textContent = plain(next.close) || (next.submit ? "Cancel" : "Close");
      cancel.hidden = !next.close && !next.submit;
      foot.hidden = cancel.hidden && !next.submit;
      submit.hidden = !next.submit;
      if (!sheet.busy) busy(false);
      if (fresh) renderBlocks(body, next.blocks, surface);
    },
    /** Put the focus where typing begins. */
    focus() {
      const wanted =
        body.querySelector("[data-focus-on-load]") ??
        focusables(body).find((node) =>
          node.matches("input, textarea, select, .select, .multi-open, [contenteditable]"),
        );
      (wanted ?? (submit.hidden ? close : submit)).focus({ preventScroll: true });
    },
  };
  return sheet;
}

function openOverlay() {
  if (overlay) return;
  returnTo = document.activeElement;
  overlay = h("div", { class: "overlay overlay-modal" });
  document.body.append(overlay);
  document.getElementById("app")?.setAttribute("inert", "");
  release = onEscape(() => top()?.leave(true));
}

function closeOverlay() {
  if (!overlay) return;
  release();
  overlay.remove();
  overlay = null;
  document.getElementById("app")?.removeAttribute("inert");
  (returnTo?.isConnected ? returnTo : document.querySelector(".composer-text"))?.focus?.({
    preventScroll: true,
  });
}

/**
 * Show what the server says is open, unless something newer is on the screen already: the answer to a submission and
 * the push of what the bot did next may overtake each other. A snapshot (`anew`) counts from the start.
 */
function take({ views, version, anew = false }) {
  if (!anew && version < shownVersion) return;
  shownVersion = version;
  showStack(views);
}

/** Show a stack of views, the last on top; an empty one closes the modal. */
function showStack(views) {
  const keep = new Set(views.map((view) => view.id));
  for (const [id, sheet] of sheets) {
    if (keep.has(id)) continue;
    sheet.node.remove();
    sheets.delete(id);
  }
  if (!views.length) {
    closeOverlay();
    return;
  }
  openOverlay();
  const before = document.activeElement?.closest?.(".modal");
  views.forEach((view, depth) => {
    let sheet = sheets.get(view.id);
    if (!sheet) {
      sheet = makeSheet(view);
      sheets.set(view.id, sheet);
      sheet.node.classList.toggle("is-pushed", depth > 0);
      overlay.append(sheet.node);
    }
    sheet.update(view, depth);
    sheet.node.hidden = depth < views.length - 1;
  });
  const shown = top();
  if (before !== shown.node && !overlay.contains(document.activeElement)) shown.focus();
  else if (before && before !== shown.node) shown.focus();
}

on("views", take);
