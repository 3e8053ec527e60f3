"""The phones: texts that reached them, replies, names; stored so that they survive a restart."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from sandbox.blocks import Json
from sandbox.clock import Clock
from sandbox.hub import Hub
from sandbox.store import Store

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = set("^{}\\[~]|€\f")


def segments(body: str) -> int:
    """How many SMS a text takes (3GPP TS 23.038): 160 or 153 septets, else 70 or 67 UTF-16 units."""
    if all(c in GSM or c in GSM_EXTENDED for c in body):
        units, one, many = sum(2 if c in GSM_EXTENDED else 1 for c in body), 160, 153
    else:
        units, one, many = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if units <= one else -(-units // many)


class Phones:
    """Every text in and out, in order. `direction` is the phone's: "in" reached the phone, "out" was typed on it."""

    def __init__(self, store: Store, hub: Hub, clock: Clock) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock
        self.names: dict[str, str] = dict(dict(store.load("setting")).get("contacts", {}))
        self._texts: list[Json] = [text for _key, text in store.load("text")]
        self._by_id = {text["id"]: text for text in self._texts}
        self._by_number: dict[str, list[Json]] = {}
        for text in self._texts:
            self._by_number.setdefault(text["number"], []).append(text)
        self._seq = itertools.count(self._texts[-1]["seq"] + 1 if self._texts else 1)
        self._seen: dict[str, int] = dict(dict(store.load("setting")).get("phones_seen", {}))

    def name(self, number: str) -> str:
        """Whose phone it is; the number itself when nobody said."""
        return self.names.get(number, number)

    def set_names(self, names: dict[str, str]) -> None:
        """Add to the names of phones."""
        self.names |= names
        self._store.put("setting", "contacts", self.names)
        self._hub.touch()

    def receive(self, *, to: str, sender: str, body: str, media_url: str | None, reference: str) -> Json:
        """A text that reached a phone from the gateway."""
        text = {
            "number": to,
            "direction": "in",
            "from": sender,
            "to": to,
            "body": body,
            "media_url": media_url,
            "reference": reference,
            "segments": segments(body),
            "status": "accepted",
        }
        return self._add(text)

    def reply(self, number: str, body: str) -> Json:
        """A text that was typed on a phone, to whoever texted it last."""
        own = [t for t in self._by_number.get(number, []) if t["direction"] == "in"]
        to = own[-1]["from"] if own else "PROMO"
        text = {"number": number, "direction": "out", "from": number, "to": to, "body": body, "media_url": None}
        return self._add(text | {"reference": "", "segments": segments(body), "status": "sent"})

    def set_status(self, text: Json, status: str, error: str | None = None) -> None:
        """Note what became of a text."""
        text["status"] = status
        if error:
            text["error"] = error
        self._save(text)

    def conversation(self, number: str) -> list[Json]:
        """All texts of a phone, oldest first; marks them seen."""
        texts = self._by_number.get(number, [])
        if texts and self._seen.get(number, 0) < texts[-1]["seq"]:
            self._seen[number] = texts[-1]["seq"]
            self._store.put("setting", "phones_seen", self._seen)
        return texts

    def listing(self, query: str, limit: int = 200) -> list[Json]:
        """Phones whose name or number contains `query`: those with texts first, newest first, then the rest by name."""
        query = query.strip().lower()
        digits = query.replace(" ", "")
        with_texts = sorted(self._by_number, key=lambda n: -self._by_number[n][-1]["seq"])
        without = sorted((n for n in self.names if n not in self._by_number), key=self.name)
        rows: list[Json] = []
        for number in itertools.chain(with_texts, without):
            if query in self.name(number).lower() or (digits and digits in number):
                rows.append(self._row(number))
                if len(rows) == limit:
                    break
        return rows

    def _row(self, number: str) -> Json:
        texts = self._by_number.get(number, [])
        seen = self._seen.get(number, 0)
        last = {"body": texts[-1]["body"], "at": texts[-1]["at"]} if texts else None
        unread = sum(1 for t in texts if t["seq"] > seen and t["direction"] == "in")
        return {"number": number, "name": self.name(number), "last": last, "unread": unread}

    def search(self, *, to: str, contains: str) -> list[Json]:
        """Texts to a number that contain a string, newest first (the gateway's own list)."""
        texts = self._by_number.get(to, [])
        return [t for t in reversed(texts) if t["direction"] == "in" and contains in t["body"]]

    def log(self, after: int) -> list[Json]:
        """Every text that the gateway accepted, with a `seq` past `after`, oldest first."""
        return [t for t in self._texts if t["seq"] > after and t["direction"] == "in"]

    def _add(self, text: dict[str, Any]) -> Json:
        text = {"id": f"SM{secrets.token_hex(16)}", "seq": next(self._seq), **text, "at": self._clock.iso()}
        self._texts.append(text)
        self._by_id[text["id"]] = text
        self._by_number.setdefault(text["number"], []).append(text)
        self._save(text)
        return text

    def _save(self, text: Json) -> None:
        self._store.put("text", f"{text['seq']:012d}", text)
        event = {"type": "sms", "number": text["number"], "name": self.name(text["number"]), "text": text}
        self._hub.push(event)
