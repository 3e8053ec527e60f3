/**
 * The phone: the chosen customer's texts as they see them, and a box to reply.
 *
 * A text of direction "in" reached the phone; "out" was typed on it.
 */

import { api } from "./api.js";
import { colorFor, initials } from "./directory.js";
import { fill, h } from "./dom.js";
import { icon, spinner } from "./icons.js";
import { popover } from "./layer.js";
import { fetchPhones, knownPhones, markSeen, phoneOf, spaced } from "./phones.js";
import { emit, on } from "./store.js";
import { clockTime, dayKey, dayLabel, exact, now, shortStamp } from "./time.js";
import { toast } from "./toasts.js";

const QUICK = ["STOP", "START", "HELP"];
const STATUS = {
  accepted: "Sent",
  queued: "Sent",
  sent: "Sent",
  delivered: "Delivered",
  undelivered: "Not delivered",
  failed: "Not delivered",
};
const URL_IN_TEXT = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;

const seconds = (iso) => Date.parse(iso) / 1000 || Number(iso) || 0;
function face(phone, size) {
  const name = phone?.name;
  return h(
    "span",
    {
      class: "avatar avatar-round",
      "aria-hidden": "true",
      style: {
        background: colorFor(phone?.number ?? "?"),
        width: `${size}px`,
        height: `${size}px`,
        "font-size": `${Math.round(size * 0.38)}px`,
      },
    },
    name ? initials(name) : icon("phone", Math.round(size * 0.55)),
  );
}

/** Build the phone and its picker into `root`. */
export function mountPhone(root) {
  let number = null;
  let texts = [];
  let asked = 0;
  /** Whether the person picked this phone, so that the page no longer picks for them. */
  let chosen = false;

  const pickerName = h("span", { class: "picker-text" });
  const badge = h("span", { class: "unread", hidden: true });
  const picker = h(
    "button",
    {
      type: "button",
      class: "picker",
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      on: { click: () => openPicker() },
    },
    pickerName,
    badge,
    icon("down", 16),
  );
  const step = (name, label, by) =>
    h(
      "button",
      { type: "button", class: "icon-btn", "aria-label": label, title: label, on: { click: () => move(by) } },
      icon(name, 18),
    );
  const row = h(
    "div",
    { class: "picker-row" },
    step("back", "Previous phone", -1),
    picker,
    step("forward", "Next phone", 1),
  );

  const time = h("span", { class: "phone-time" });
  const bar = h(
    "div",
    { class: "phone-bar", "aria-hidden": "true" },
    time,
    h("span", { class: "phone-island" }),
    h("span", { class: "phone-signal" }, h("i"), h("i"), h("i"), h("i"), h("b")),
  );
  const contact = h("div", { class: "phone-contact" });
  const list = h("div", { class: "texts", role: "log", "aria-live": "polite", "aria-label": "Texts" });
  const chips = h(
    "div",
    { class: "quick" },
    QUICK.map((word) =>
      h("button", { type: "button", class: "quick-chip", on: { click: () => reply(word) } }, word),
    ),
  );
  const field = h("input", {
    class: "reply-field",
    type: "text",
    placeholder: "Reply as the customer",
    "aria-label": "Reply as the customer",
    autocomplete: "off",
  });
  const send = h(
    "button",
    { type: "submit", class: "reply-send", "aria-label": "Send reply" },
    icon("arrowup", 16),
  );
  const form = h(
    "form",
    {
      class: "reply",
      on: {
        submit: (event) => {
          event.preventDefault();
          reply(field.value.trim());
        },
      },
    },
    field,
    send,
  );
  const sheetHost = h("div", { class: "phone-sheet-host" });
  const screen = h("div", { class: "phone-screen" }, bar, contact, list, chips, form, sheetHost);
  root.append(
    row,
    h(
      "section",
      { class: "phone", "aria-label": "Phone" },
      h("i", { class: "phone-key key-a" }),
      h("i", { class: "phone-key key-b" }),
      h("i", { class: "phone-key key-c" }),
      screen,
    ),
  );

  /** A web page over the phone's screen: what the customer sees after touching a link. */
  function openSheet(url, label) {
    const frame = h("iframe", { src: url, title: label, sandbox: "", referrerpolicy: "no-referrer" });
    const close = h(
      "button",
      {
        type: "button",
        class: "icon-btn",
        "aria-label": "Close page",
        on: { click: () => sheetHost.replaceChildren() },
      },
      icon("close", 16),
    );
    const host = new URL(url, location.href);
    fill(
      sheetHost,
      h(
        "div",
        {
          class: "phone-sheet",
          role: "dialog",
          "aria-label": label,
          on: {
            keydown: (event) => {
              if (event.key === "Escape") {
                event.stopPropagation();
                sheetHost.replaceChildren();
                list.focus();
              }
            },
          },
        },
        h(
          "div",
          { class: "sheet-head" },
          close,
          h("span", { class: "sheet-url" }, `${host.host}${host.pathname}`),
          h(
            "a",
            {
              class: "icon-btn",
              href: url,
              target: "_blank",
              rel: "noopener noreferrer",
              "aria-label": "Open in a new tab",
            },
            icon("external", 16),
          ),
        ),
        frame,
      ),
    );
    close.focus();
  }

  function linked(text) {
    const nodes = [];
    let from = 0;
    for (const match of text.matchAll(URL_IN_TEXT)) {
      nodes.push(text.slice(from, match.index), textLink(match[0]));
      from = match.index + match[0].length;
    }
    nodes.push(text.slice(from));
    return nodes;
  }

  function textLink(url) {
    const isQr = new URL(url).pathname.startsWith("/q/");
    return h(
      "a",
      {
        href: url,
        target: "_blank",
        rel: "noopener noreferrer",
        class: isQr ? "qr-link" : null,
        on: {
          click: (event) => {
            if (!isQr || event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            openSheet(url, "QR code");
          },
        },
      },
      url,
    );
  }

  function bubble(text, isLast) {
    const received = text.direction === "in";
    const failed = text.status === "undelivered" || text.status === "failed";
    const word = received ? (STATUS[text.status] ?? text.status) : null;
    return h(
      "div",
      {
        class: `text ${received ? "is-received" : "is-sent"}${failed ? " is-failed" : ""}`,
        data: { textId: text.id, status: text.status },
      },
      h(
        "div",
        { class: "bubble", title: exact(seconds(text.at)) },
        text.media_url
          ? h(
              "a",
              { class: "text-media", href: text.media_url, target: "_blank", rel: "noopener noreferrer" },
              h("img", {
                src: text.media_url,
                alt: "Picture in the text",
                loading: "lazy",
                on: { load: () => toEnd() },
              }),
            )
          : null,
        linked(text.body ?? ""),
      ),
      isLast || failed
        ? h(
            "div",
            { class: "text-status" },
            failed
              ? [icon("warn", 12), received ? "Not delivered: it never reached this phone" : "Not sent"]
              : [word, word ? " " : "", clockTime(seconds(text.at))],
          )
        : null,
    );
  }

  const toEnd = () => {
    list.scrollTop = list.scrollHeight;
  };

  function draw() {
    const phone = phoneOf(number);
    const others = knownPhones().reduce(
      (sum, item) => sum + (item.number === number ? 0 : (item.unread ?? 0)),
      0,
    );
    badge.hidden = !others;
    badge.textContent = others > 99 ? "99+" : others;
    badge.setAttribute("aria-label", `${others} new texts on other phones`);
    const single = knownPhones().length < 2;
    for (const button of row.querySelectorAll(".icon-btn")) button.disabled = single;
    picker.disabled = !number;
    if (!number) {
      fill(pickerName, h("span", { class: "hint" }, "No phones yet"));
      fill(contact);
      fill(
        list,
        h(
          "div",
          { class: "phone-empty" },
          icon("chats", 34),
          h("b", null, "No texts yet"),
          h("span", null, "Send a distribution, and every customer's phone shows up here."),
        ),
      );
      chips.hidden = form.hidden = true;
      return;
    }
    chips.hidden = form.hidden = false;
    fill(
      pickerName,
      face(phone ?? { number }, 28),
      h(
        "span",
        { class: "picker-words" },
        h("b", null, phone?.name || spaced(number)),
        h("span", { class: "hint" }, phone?.name ? spaced(number) : "not a customer"),
      ),
    );
    const sender = [...texts].reverse().find((text) => text.direction === "in" && text.from)?.from ?? "PROMO";
    fill(
      contact,
      h("span", { class: "avatar avatar-round avatar-sender", "aria-hidden": "true" }, icon("chat", 20)),
      h("b", null, sender),
      h("span", null, phone?.name ? `on ${phone.name.split(" ")[0]}'s phone` : "Text message"),
    );
    const nodes = [];
    texts.forEach((text, index) => {
      const at = seconds(text.at);
      if (!index || dayKey(seconds(texts[index - 1].at)) !== dayKey(at))
        nodes.push(h("div", { class: "text-day" }, h("b", null, dayLabel(at)), ` ${clockTime(at)}`));
      nodes.push(bubble(text, index === texts.length - 1 || texts[index + 1].direction !== text.direction));
    });
    fill(list, nodes.length ? nodes : h("div", { class: "phone-empty" }, "No texts on this phone yet."));
    toEnd();
  }

  async function choose(next, { quiet = false } = {}) {
    if (!quiet) sheetHost.replaceChildren();
    if (next !== number) {
      number = next;
      texts = [];
      draw();
      fill(list, h("div", { class: "phone-empty" }, spinner()));
    }
    asked += 1;
    const mine = asked;
    try {
      const answer = await api.phone(next);
      if (mine !== asked) return;
      texts = answer.texts ?? [];
      draw();
      markSeen(next);
    } catch (error) {
      if (mine === asked)
        fill(
          list,
          h(
            "div",
            { class: "phone-empty" },
            error.message,
            h(
              "button",
              { type: "button", class: "btn btn-small", on: { click: () => choose(next) } },
              "Try again",
            ),
          ),
        );
    }
  }

  function move(by) {
    const all = knownPhones();
    const at = all.findIndex((phone) => phone.number === number);
    if (!all.length) return;
    chosen = true;
    choose(all[(at + by + all.length) % all.length].number);
  }

  async function reply(body) {
    if (!body || !number) return;
    field.value = "";
    try {
      await api.reply(number, body);
      emit("replied", body);
    } catch (error) {
      // A reply that nobody took stands on the phone as not sent; anything else was not even tried.
      if (!field.value && error.code !== "not_received") field.value = body;
      toast(`The reply was not sent: ${error.message}`, { kind: "error" });
    }
  }

  function openPicker() {
    const search = h("input", {
      class: "list-search",
      type: "text",
      placeholder: "Name or number",
      "aria-label": "Find a phone",
      autocomplete: "off",
      role: "combobox",
      "aria-expanded": "true",
      "aria-controls": "phone-list",
    });
    const rows = h("div", { class: "list", role: "listbox", id: "phone-list", "aria-label": "Phones" });
    const pop = popover(
      picker,
      h("div", { class: "listbox" }, h("div", { class: "list-head" }, icon("search", 16), search), rows),
      {
        matchWidth: true,
        class: "popover-phones",
        onClose: (reason) => {
          picker.setAttribute("aria-expanded", "false");
          if (reason !== "outside") picker.focus();
          stop();
        },
      },
    );
    let shown = [];
    let active = 0;
    let turn = 0;
    const setActive = (at) => {
      if (!shown.length) return;
      active = (at + shown.length) % shown.length;
      [...rows.children].forEach((node, index) => node.classList.toggle("is-active", index === active));
      rows.children[active]?.scrollIntoView({ block: "nearest" });
      search.setAttribute("aria-activedescendant", rows.children[active]?.id ?? "");
    };
    const take = (phone) => {
      pop.close();
      chosen = true;
      choose(phone.number);
    };
    const show = (phones) => {
      shown = phones;
      fill(
        rows,
        phones.length
          ? phones
              .slice(0, 200)
              .map((phone, at) =>
                h(
                  "div",
                  {
                    class: "option phone-option",
                    role: "option",
                    id: `phone-${at}`,
                    "aria-selected": String(phone.number === number),
                    on: { click: () => take(phone), pointermove: () => active !== at && setActive(at) },
                  },
                  face(phone, 36),
                  h(
                    "span",
                    { class: "phone-words" },
                    h(
                      "span",
                      { class: "phone-line" },
                      h("b", null, phone.name || spaced(phone.number)),
                      h("time", { class: "hint" }, phone.last?.at ? shortStamp(seconds(phone.last.at)) : ""),
                    ),
                    h("span", { class: "phone-last" }, phone.last?.body ?? spaced(phone.number)),
                  ),
                  phone.unread ? h("span", { class: "unread" }, phone.unread) : null,
                ),
              )
          : h("div", { class: "list-note" }, search.value ? "No phone matches" : "No phones yet"),
      );
      setActive(
        Math.max(
          0,
          phones.findIndex((phone) => phone.number === number),
        ),
      );
      pop.reposition();
    };
    const find = async () => {
      const q = search.value.trim();
      turn += 1;
      const mine = turn;
      try {
        const found = q ? await fetchPhones(q) : knownPhones();
        if (mine === turn) show(found);
      } catch (error) {
        if (mine === turn) fill(rows, h("div", { class: "list-note" }, error.message));
      }
    };
    const stop = on("phones", () => !search.value && show(knownPhones()));
    search.addEventListener("input", find);
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        setActive(active + (event.key === "ArrowDown" ? 1 : -1));
      } else if (event.key === "Enter" && shown[active]) {
        event.preventDefault();
        take(shown[active]);
      } else if (event.key === "Tab") {
        event.preventDefault();
        pop.close("tab");
      }
    });
    picker.setAttribute("aria-expanded", "true");
    show(knownPhones());
    search.focus();
  }

  const tick = () => {
    time.textContent = clockTime(now().getTime() / 1000);
  };
  tick();
  on("minute", () => {
    tick();
    draw();
  });
  on("phones", () => {
    const first = knownPhones().find((phone) => phone.last);
    // Until somebody was texted any phone will do; then the one that was.
    if (first && (!number || !(chosen || texts.length || phoneOf(number)?.last))) choose(first.number);
    else if (!number && knownPhones().length) choose(knownPhones()[0].number);
    else draw();
  });
  on("sms", (event) => {
    if (event.number !== number) return;
    const at = texts.findIndex((text) => text.id === event.text?.id);
    if (at >= 0) texts[at] = { ...texts[at], ...event.text };
    else if (event.text) texts.push(event.text);
    draw();
    markSeen(number);
  });
  on("phone", (next) => {
    chosen = true;
    choose(next);
    emit("tab", "phone");
  });
  on("again", () => number && choose(number, { quiet: true }));
  draw();
}
