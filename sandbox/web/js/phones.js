/** The customers' phones that the page knows, newest text first. */

import { api } from "./api.js";
import { emit, on } from "./store.js";

// Those that were texted last; the server sends no more than 200.
let phones = [];
// Whose every phone is that was ever heard of: one found by a search may not be among those.
const names = new Map();

/** The server names a phone by its number when nobody said whose it is. */
function named(phone) {
  const name = phone.name === phone.number ? null : phone.name;
  if (name) names.set(phone.number, name);
  return { ...phone, name };
}

/** The country code set apart, so that a number can be read. */
export const spaced = (number) => String(number).replace(/^(\+\d{2})(\d{3})(\d{3})(\d{3,})$/, "$1 $2 $3 $4");

export const knownPhones = () => phones;
export const phoneOf = (number) =>
  phones.find((phone) => phone.number === number) ??
  (names.has(number) ? { number, name: names.get(number) } : undefined);

/** Fetch the list; `q` narrows it by name, number or words on the server without replacing the known list. */
export async function fetchPhones(q) {
  const answer = await api.phones(q);
  const found = (answer.phones ?? []).map(named);
  if (!q) {
    phones = found;
    emit("phones");
  }
  return found;
}

/** Note that the texts of a phone were seen. */
export function markSeen(number) {
  const phone = phoneOf(number);
  if (!phone?.unread) return;
  phone.unread = 0;
  emit("phones");
}

const earlier = (text, phone) => phone?.last?.at && text.at < phone.last.at;

on("sms", ({ number, name, text }) => {
  const known = phoneOf(number);
  const isNew = text && !(known?.lastId === text.id) && !earlier(text, known);
  if (!text || !isNew) return;
  const rest = phones.filter((phone) => phone.number !== number);
  phones = [
    named({
      ...known,
      number,
      name: name ?? known?.name ?? null,
      last: { body: text.body, at: text.at },
      lastId: text.id,
      unread: (known?.unread ?? 0) + (text.direction === "in" ? 1 : 0),
    }),
    ...rest,
  ];
  emit("phones");
});
for (const topic of ["session", "again"]) on(topic, () => fetchPhones().catch(() => {}));
