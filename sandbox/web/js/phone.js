/**
 * The phone: the chosen customer's texts as they see them, and a box to reply.
 *
 * A text of direction "in" reached the phone; "out" was typed on it.
 */

import { api } from "./api.js";
import { fill, h } from "./dom.js";
import { icon, spinner } from "./icons.js";
import { makePicker } from "./phone_picker.js";
import { knownPhones, markSeen, phoneOf } from "./phones.js";
import { emit, on } from "./store.js";
import { makeTexts } from "./texts.js";
import { clockTime, now } from "./time.js";
import { toast } from "./toasts.js";

const QUICK = ["STOP", "START", "HELP"];

/** The status bar: the time, the island, signal and battery; decorative. */
function statusBar() {
  const time = h("span", { class: "phone-time" });
  const signal = h("span", { class: "phone-signal" }, h("i"), h("i"), h("i"), h("i"), h("b"));
  const tick = () => {
    time.textContent = clockTime(now().getTime() / 1000);
  };
  tick();
  on("minute", tick);
  return h(
    "div",
    { class: "phone-bar", "aria-hidden": "true" },
    time,
    h("span", { class: "phone-island" }),
    signal,
  );
}

/** The reply box with its quick words; `send(body)` resolves to whether what was typed may go. */
function replyBox(send) {
  const field = h("input", {
    class: "reply-field",
    type: "text",
    placeholder: "Reply as the customer",
    "aria-label": "Reply as the customer",
    autocomplete: "off",
  });
  async function submit(body) {
    if (!body) return;
    field.value = "";
    if (!(await send(body)) && !field.value) field.value = body;
  }
  const chip = (word) =>
    h("button", { type: "button", class: "quick-chip", on: { click: () => submit(word) } }, word);
  const onSubmit = (event) => {
    event.preventDefault();
    submit(field.value.trim());
  };
  return h(
    "div",
    { class: "reply-box" },
    h("div", { class: "quick" }, QUICK.map(chip)),
    h(
      "form",
      { class: "reply", on: { submit: onSubmit } },
      field,
      h("button", { type: "submit", class: "reply-send", "aria-label": "Send reply" }, icon("arrowup", 16)),
    ),
  );
}

/** These texts with one that is new, or known and changed. */
function withText(texts, text) {
  const at = texts.findIndex((each) => each.id === text.id);
  return at < 0 ? [...texts, text] : texts.with(at, { ...texts[at], ...text });
}

/** Build the phone and its picker into `root`. */
export function mountPhone(root) {
  let number = null;
  let texts = [];
  let asked = 0;
  /** What came of this phone since its texts were asked for: the answer may be from before. */
  let came = [];
  /** Whether the person picked this phone, so that the page no longer picks for them. */
  let chosen = false;

  const picker = makePicker(pick);
  const list = makeTexts();
  const contact = h("div", { class: "phone-contact" });
  const box = replyBox(reply);
  const keys = ["a", "b", "c"].map((key) => h("i", { class: `phone-key key-${key}` }));
  const screen = h("div", { class: "phone-screen" }, statusBar(), contact, list.node, box, list.sheet);
  root.append(picker.node, h("section", { class: "phone", "aria-label": "Phone" }, keys, screen));

  function drawContact() {
    const owner = phoneOf(number)?.name;
    const sender = texts.findLast((text) => text.direction === "in" && text.from)?.from ?? "PROMO";
    fill(
      contact,
      h("span", { class: "avatar avatar-round avatar-sender", "aria-hidden": "true" }, icon("chat", 20)),
      h("b", null, sender),
      h("span", null, owner ? `on ${owner.split(" ")[0]}'s phone` : "Text message"),
    );
  }

  function draw() {
    picker.show(number);
    box.hidden = contact.hidden = !number;
    if (!number) {
      const next = "Send a distribution, and every customer's phone shows up here.";
      list.note(icon("chats", 34), h("b", null, "No texts yet"), h("span", null, next));
      return;
    }
    drawContact();
    list.show(texts);
  }

  async function choose(next, { quiet = false } = {}) {
    if (!quiet || next !== number) list.sheet.replaceChildren();
    if (next !== number) {
      number = next;
      texts = [];
      draw();
      list.note(spinner());
    }
    asked += 1;
    came = [];
    const mine = asked;
    try {
      const answer = await api.phone(next);
      if (mine !== asked) return;
      texts = came.reduce(withText, answer.texts ?? []);
      draw();
      markSeen(next);
    } catch (error) {
      const again = { type: "button", class: "btn btn-small", on: { click: () => choose(next) } };
      if (mine === asked) list.note(error.message, h("button", again, "Try again"));
    }
  }

  function pick(next) {
    chosen = true;
    choose(next);
  }

  async function reply(body) {
    try {
      await api.reply(number, body);
      emit("replied", body);
      return true;
    } catch (error) {
      toast(`The reply was not sent: ${error.message}`, { kind: "error" });
      // A reply that nobody took stands on the phone as not sent; anything else was not even tried.
      return error.code === "not_received";
    }
  }

  on("phones", () => {
    const texted = knownPhones().find((phone) => phone.last);
    // Until somebody was texted any phone will do; then the one that was.
    const settled = chosen || texts.length || phoneOf(number)?.last;
    if (texted && (!number || !settled)) choose(texted.number, { quiet: true });
    else if (!number && knownPhones().length) choose(knownPhones()[0].number);
    else {
      picker.show(number);
      if (number) drawContact();
    }
  });
  on("sms", (event) => {
    if (event.number !== number || !event.text) return;
    texts = withText(texts, event.text);
    came.push(event.text);
    draw();
    markSeen(number);
  });
  on("phone", (next) => {
    pick(next);
    emit("tab", "phone");
  });
  on("minute", () => number && list.show(texts));
  on("again", () => number && choose(number, { quiet: true }));
  draw();
}
