/** Calls to the sandbox's server (README §3). Every failure is an ApiError with words a person can read. */

let user = null;

/** Act as this user id from now on. */
export function actAs(id) {
  user = id;
}

export class ApiError extends Error {
  /**
   * @param {string} name Slack's error name or the sandbox's
   * @param {string} detail what a person reads
   */
  constructor(name, detail) {
    super(detail);
    this.name = "ApiError";
    this.code = name;
  }
}

const WORDS = {
  operation_timeout: "promobot did not answer within 3 seconds.",
  offline: "The sandbox does not answer. Is it still running?",
};

async function call(method, path, { query, body, form } = {}) {
  const url = new URL(path, document.baseURI);
  for (const [key, value] of Object.entries(query ?? {}))
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(key, value);
  let response;
  try {
    response = await fetch(url, {
      method,
      body: form ?? (body ? JSON.stringify(body) : undefined),
      headers: body ? { "Content-Type": "application/json" } : {},
    });
  } catch {
    throw new ApiError("offline", WORDS.offline);
  }
  const answer = await response.json().catch(() => null);
  if (answer?.error)
    throw new ApiError(
      answer.error,
      answer.detail || WORDS[answer.error] || `The sandbox answered: ${answer.error}.`,
    );
  if (!response.ok) throw new ApiError(`http_${response.status}`, `The sandbox answered ${response.status}.`);
  return answer ?? {};
}

const get = (path, query) => call("GET", path, { query: { user, ...query } });
const post = (path, body) => call("POST", path, { body: { user, ...body } });

export const api = {
  state: () => get("sandbox/state"),
  messages: (channel, { before, limit = 50 } = {}) =>
    get(`sandbox/channels/${channel}/messages`, { before, limit }),
  thread: (channel, ts) => get(`sandbox/channels/${channel}/threads/${ts}`),
  home: () => get("sandbox/home"),
  post: (message) => post("sandbox/post", message),
  action: (container, action, state) => post("sandbox/action", { container, action, state }),
  submit: (viewId, state) => post("sandbox/submit", { view_id: viewId, state }),
  close: (viewId, clear) => post("sandbox/close", { view_id: viewId, clear }),
  options: (container, blockId, actionId, value, state) =>
    post("sandbox/options", { container, block_id: blockId, action_id: actionId, value, state }),
  dismiss: (channel, ts) => post("sandbox/dismiss", { channel, message_ts: ts }),
  phones: (q) => call("GET", "sandbox/phones", { query: { q } }),
  phone: (number) => call("GET", `sandbox/phones/${encodeURIComponent(number)}`),
  reply: (number, body) =>
    call("POST", `sandbox/phones/${encodeURIComponent(number)}/reply`, { body: { body } }),
  clock: (change) => call("POST", "sandbox/clock", { body: change }),
  async upload(file) {
    const form = new FormData();
    form.set("user", user);
    form.set("file", file, file.name);
    return (await call("POST", "sandbox/upload", { form })).file;
  },
};

/** Where the page opens its stream of pushes. */
export function eventsUrl() {
  const url = new URL("sandbox/events", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("user", user);
  return url;
}

/** The address of a Slack file for this page's session. */
export function fileHref(file) {
  const raw = file.url_private ?? file.permalink;
  if (!raw) return null;
  const url = new URL(raw, document.baseURI);
  if (!url.pathname.startsWith("/files/")) return url.href;
  return `${url.pathname}?user=${encodeURIComponent(user ?? "")}`;
}

/** The address of an image in a block: its `image_url`, or the Slack file it names. */
export function imageSrc(item) {
  if (item.image_url) return /^(https?:|data:image\/|\/)/i.test(item.image_url) ? item.image_url : "";
  if (item.slack_file?.url) return fileHref({ url_private: item.slack_file.url });
  if (item.slack_file?.id) return fileHref({ url_private: `/files/${item.slack_file.id}/image` });
  return "";
}
