"""`/q/{token}`: a customer's promo code as a QR picture and as text."""

import html
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from bot.web import qr
from bot.web.misses import Misses
from distribution.runtime import Runtime
from storage.tables import CodeState, PromoCode

# A page names one person's code: no search engine, no cache, no other site's frame or referrer.
PRIVATE = {
    "Cache-Control": "no-store, private",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    ),
}


@dataclass(frozen=True)
class Shown:
    """What a link leads to: the code, or why it is not shown."""

    code: str | None
    reason: str = ""


def look_up(runtime: Runtime, token: str) -> Shown:
    """The code behind a token. One that is nobody's (never sent, or taken back) is not shown."""
    code_id = runtime.links.code_id(token)
    if code_id is None:
        return Shown(None, "This link is not complete. Please open it again from the text message.")
    with runtime.db.read() as session:
        found = session.get(PromoCode, code_id)
    if found is None or found.state == CodeState.ACTIVE:
        return Shown(None, "There is no code here any more.")
    expired = found.expires_at is not None and found.expires_at <= runtime.clock.now()
    if expired or found.state == CodeState.EXPIRED:
        return Shown(None, "This code has expired.")
    if found.state == CodeState.REVOKED:
        return Shown(None, "This code is no longer valid.")
    return Shown(found.code)


def router(runtime: Runtime) -> APIRouter:
    """The QR page and its picture."""
    routes = APIRouter()
    misses = Misses()

    def find(request: Request, token: str) -> tuple[Shown, int]:
        address = request.client.host if request.client else ""
        if misses.too_many(address):
            return Shown(None, "Too many wrong links. Please wait a minute."), 429
        shown = look_up(runtime, token)
        if shown.code is None:
            misses.note(address)
            return shown, 404
        return shown, 200

    # The picture first: "{token}" would match "abc.png" too.
    # HEAD too: a provider that fetches a picture for its own message may ask what it is before.
    @routes.api_route("/q/{token}.png", methods=["GET", "HEAD"], include_in_schema=False)
    def picture(request: Request, token: str) -> Response:
        shown, status = find(request, token)
        if shown.code is None:
            return Response(shown.reason, status, PRIVATE, "text/plain; charset=utf-8")
        return Response(qr.png(shown.code), headers=PRIVATE, media_type="image/png")

    @routes.get("/q/{token}", include_in_schema=False)
    def page(request: Request, token: str) -> HTMLResponse:
        shown, status = find(request, token)
        return HTMLResponse(_code(shown.code) if shown.code else _sorry(shown.reason), status, PRIVATE)

    return routes


STYLE = """
:root{color-scheme:light dark;--ink:#1c2024;--soft:#5f6b76;--paper:#f4f2ee;--card:#fff;--line:#e3dfd8;--go:#1d7a5f}
@media(prefers-color-scheme:dark){:root{--ink:#eceff1;--soft:#9aa7b0;--paper:#15181b;--card:#1f2428;--line:#30373d;--go:#5fcfa8}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:24px;background:var(--paper);
color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:360px;padding:28px 24px;background:var(--card);border:1px solid var(--line);
border-radius:20px;text-align:center}
h1{margin:0 0 4px;font-size:20px}p{margin:0;color:var(--soft);font-size:15px}
svg{display:block;width:100%;max-width:264px;margin:20px auto;border-radius:12px}
output{display:block;font:600 20px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;
user-select:all}
button{margin-top:16px;width:100%;min-height:48px;border:0;border-radius:12px;background:var(--go);color:#fff;
font:600 16px system-ui,sans-serif;cursor:pointer}
@media(prefers-color-scheme:dark){button{color:#10261f}}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
"""

COPY = """
const button=document.querySelector('button'),code=document.querySelector('output');
button.hidden=false;
button.onclick=async()=>{
  try{await navigator.clipboard.writeText(code.textContent);button.textContent='Copied'}
  catch{getSelection().selectAllChildren(code);button.textContent='Selected: copy it from the menu'}
  setTimeout(()=>button.textContent='Copy the code',2500)
};
"""


def _page(title: str, inner: str) -> str:
    """A whole page, with nothing to load from anywhere."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        '<link rel="icon" href="data:,">'  # else browsers ask for one that is not there
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{inner}</main></body></html>"
    )


def _code(code: str) -> str:
    """The page of a code."""
    return _page(
        "Your promo code",
        "<h1>Your promo code</h1><p>Show this at the checkout, or type the code.</p>"
        f"{qr.svg(code, 'QR picture of the code')}<output>{html.escape(code)}</output>"
        f'<button type="button" hidden>Copy the code</button><script>{COPY}</script>',
    )


def _sorry(reason: str) -> str:
    """The page of a link that leads nowhere."""
    return _page("No code here", f"<h1>No code here</h1><p>{html.escape(reason)}</p>")
