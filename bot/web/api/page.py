"""`/docs`: the OpenAPI document as one page that needs no script and loads nothing from anywhere."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bot.web.api.describing import operations

Json = Mapping[str, Any]

# The page cannot load anything, and nothing can frame it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def page(document: Json, url: str) -> str:
    """The whole page. `url`: where the service is reached, for the examples."""
    tags: dict[str, list[tuple[str, str, Json]]] = {}
    for path, method, operation in operations(dict(document)):
        tags.setdefault(operation["tags"][0], []).append((path, method, operation))
    nav = "".join(
        f"<li><a href='#{_anchor(tag)}'>{_esc(tag)}</a><ul>"
        + "".join(
            f"<li><a href='#{_anchor(method, path)}'>{_esc(operation['summary'])}</a></li>"
            for path, method, operation in found
        )
        + "</ul></li>"
        for tag, found in tags.items()
    )
    sections = "".join(
        f"<h2 id='{_anchor(tag)}'>{_esc(tag)}</h2>"
        + "".join(_operation(document, url, path, method, operation) for path, method, operation in found)
        for tag, found in tags.items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>The promobot API</title><style>{STYLE}</style>"
        f"<main><h1>The promobot API</h1>{_prose(document['info']['description'])}"
        "<p>The same for programs: <a href='/openapi.json'>openapi.json</a>.</p>"
        f"<nav aria-label='Contents'><ul>{nav}</ul></nav>{sections}</main></html>"
    )


def curl(document: Json, url: str, path: str, method: str) -> str:
    """A command that calls an operation with its example; the token is taken from $TOKEN."""
    operation = document["paths"][path][method]
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            example = (parameter.get("schema", {}).get("examples") or parameter.get("examples"))[0]
            path = path.replace(f"{{{parameter['name']}}}", quote(str(example), safe=""))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    told = method == "get" or (method == "post" and body is not None)  # curl says these by itself
    verb = "" if told else f" -X {method.upper()}"
    lines = [f"curl{verb} {url}{path}", '  -H "Authorization: Bearer $TOKEN"']
    if body is None:
        return " \\\n".join(lines)
    lines += ["  -H 'Content-Type: application/json'", "  --data-binary @- <<'END'"]
    return " \\\n".join(lines) + f"\n{json.dumps(body['example'], ensure_ascii=False, indent=2)}\nEND"


def _operation(document: Json, url: str, path: str, method: str, operation: Json) -> str:
    """One operation: what it does, takes and answers."""
    scopes = [scope for each in operation.get("security", ()) for scope in each.get("token", ())]
    scope = f"<p class=scope>Scope: {''.join(f'<code>{_esc(each)}</code>' for each in scopes)}</p>" if scopes else ""
    content = operation.get("requestBody", {}).get("content", {})
    parts = [
        f"<article id='{_anchor(method, path)}'><h3>{_esc(operation['summary'])}</h3>"
        f"<p class=call><b class={method}>{method.upper()}</b> <code>{_path(path)}</code></p>",
        scope,
        _prose(operation.get("description", "")),
        _table("Parameters", _parameters(operation)),
    ]
    if "application/json" in content:
        parts.append(_table("Body", _fields(document, content["application/json"]["schema"])))
    if "text/plain" in content:
        text = _esc(content["text/plain"]["example"].strip())
        parts.append(f"<h4>Or as text/plain</h4><pre tabindex=0>{text}</pre>")
    parts.append(f"<h4>Try it</h4><pre tabindex=0>{_esc(curl(document, url, path, method))}</pre>")
    good = {status: each for status, each in operation["responses"].items() if status < "300"}
    bad = {status: each for status, each in operation["responses"].items() if status >= "300"}
    for status, answer in good.items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        rows = _table("", _fields(document, schema)) if schema else ""
        parts.append(f"<details><summary><b>{status}</b> {_esc(answer['description'])}</summary>{rows}</details>")
    errors = "".join(f"<li><b>{status}</b> {_esc(each['description'])}</li>" for status, each in bad.items())
    parts.append(f"<details><summary>Errors: {', '.join(bad)}</summary><ul>{errors}</ul></details></article>")
    return "".join(parts)


def _parameters(operation: Json) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of each parameter."""
    for each in operation.get("parameters", ()):
        where = "" if each["in"] == "path" else f"{each['in']}, "
        needed = "" if each["in"] == "path" or not each.get("required") else "required, "
        yield each["name"], f"{where}{needed}{_type(each.get('schema', {}))}", each.get("description", "")


def _fields(document: Json, schema: Json, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Path, type and meaning of each field of an object, those of objects inside it too."""
    schema = _resolved(document, schema)
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        said = "required, " if prefix + name in needed or name in needed else ""
        yield f"{prefix}{name}", f"{said}{_type(field)}", field.get("description", "")
        for inner, mark in _inside(document, field):
            if depth < 3:
                yield from _fields(document, inner, f"{prefix}{name}{mark}.", depth + 1)


def _inside(document: Json, field: Json) -> Iterator[tuple[Json, str]]:
    """The objects in a field, with what stands between its name and theirs."""
    for each in (field, *field.get("anyOf", ())):
        if "$ref" in each:
            yield _resolved(document, each), ""
        items = each.get("items", {})
        for item in (items, *items.get("anyOf", ())):
            if "$ref" in item:
                yield _resolved(document, item), "[]"


def _resolved(document: Json, schema: Json) -> Json:
    """A schema, or the one that it refers to."""
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _type(schema: Json) -> str:
    """A schema's type in a few words."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "object" if "$ref" in schema else "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        return "time"
    return {"string": "text", "boolean": "true or false"}.get(kind, str(kind))


def _table(title: str, rows: Iterator[tuple[str, str, str]]) -> str:
    """Rows as a list of terms, which a phone can show as well; nothing for no rows."""
    items = "".join(
        f"<div><dt><code>{_esc(name)}</code> <i>{_esc(kind)}</i></dt><dd>{_inline(meaning)}</dd></div>"
        for name, kind, meaning in rows
    )
    return f"{f'<h4>{title}</h4>' if title else ''}<dl>{items}</dl>" if items else ""


def _prose(text: str) -> str:
    """Paragraphs with `code` and *emphasis*."""
    return "".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n") if part.strip())


def _inline(text: str) -> str:
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", _esc(text))
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", marked)


def _path(path: str) -> str:
    """A path that may break where it has a slash."""
    return _esc(path).replace("/", "/<wbr>")


def _anchor(*words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")


def _esc(text: str) -> str:
    return html.escape(text, quote=False)


STYLE = """
:root{color-scheme:light dark;--ink:#1c2024;--soft:#5f6b76;--paper:#fbfaf8;--card:#fff;--line:#e3dfd8;--go:#1d7a5f;
--code:#f1eee8}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaec;--soft:#9aa7b0;--paper:#15181b;--card:#1d2125;--line:#30373d;
--go:#5fcfa8;--code:#272d32}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
sans-serif}
nav{margin-top:24px;font-size:15px}
nav ul{list-style:none;margin:0;padding:0}nav ul ul{padding-left:12px}
nav a{display:block;padding:5px 0;text-decoration:none}nav a:hover{text-decoration:underline}
nav>ul>li>a{font-weight:600;color:var(--ink)}
summary{cursor:pointer;padding:4px 0}
main{max-width:820px;padding:8px 16px 80px;margin:0 auto}
h1{font-size:28px;margin:20px 0 8px}h2{font-size:22px;margin:48px 0 8px;scroll-margin-top:12px}
h3{font-size:18px;margin:0}h4{font-size:14px;color:var(--soft);margin:18px 0 4px}
a{color:var(--go)}p{margin:8px 0}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px;margin:16px 0;
scroll-margin-top:12px}
code,pre{font:14px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{background:var(--code);border-radius:4px;padding:1px 4px;overflow-wrap:anywhere}
pre{background:var(--code);border-radius:8px;padding:12px;margin:4px 0;overflow-x:auto}
.call b{font:700 12px ui-monospace,monospace;border:1px solid currentColor;border-radius:4px;padding:1px 6px}
.call code{background:none;padding:0}.call .get{color:#2563b8}.call .post,.call .put{color:var(--go)}
.call .delete{color:#b3402a}
.scope{color:var(--soft);font-size:14px}.scope code+code{margin-left:6px}
dl{margin:4px 0;border-top:1px solid var(--line)}
dl div{padding:6px 0;border-bottom:1px solid var(--line)}
dt i{font-style:normal;color:var(--soft);font-size:14px}dd{margin:0;font-size:15px}
details{margin-top:8px}
@media(prefers-color-scheme:dark){.call .get{color:#7fb2f0}.call .delete{color:#f08a72}}
@media(min-width:1080px){nav{position:fixed;inset:0 auto 0 0;width:260px;overflow-y:auto;margin:0;padding:16px;
border-right:1px solid var(--line)}main{margin-left:292px}}
"""
