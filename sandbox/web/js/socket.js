/** The stream of pushes from the sandbox: reconnects by itself, waiting longer each time up to ten seconds. */

import { eventsUrl } from "./api.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;

/**
 * @param {{onEvent: (event: object) => void, onLine: (line: "open"|"lost", again: boolean) => void}} handlers
 *   `again` is true when the line came back after it was lost: whatever happened meanwhile must be fetched
 * @returns {{stop: () => void}}
 */
export function openSocket({ onEvent, onLine }) {
  let socket;
  let wait = FIRST_WAIT;
  let timer;
  let stopped = false;
  let dropped = false;

  function connect() {
    clearTimeout(timer);
    if (stopped) return;
    socket = new WebSocket(eventsUrl());
    socket.addEventListener("open", () => {
      wait = FIRST_WAIT;
      onLine("open", dropped);
      dropped = false;
    });
    socket.addEventListener("message", (message) => {
      let event;
      try {
        event = JSON.parse(message.data);
      } catch {
        return;
      }
      onEvent(event);
    });
    socket.addEventListener("close", () => {
      if (stopped) return;
      dropped = true;
      onLine("lost", false);
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(LONGEST_WAIT, wait * 2);
    });
  }

  const now = () => {
    if (stopped || socket?.readyState === WebSocket.OPEN || socket?.readyState === WebSocket.CONNECTING)
      return;
    wait = FIRST_WAIT;
    connect();
  };
  addEventListener("online", now);
  addEventListener("focus", now);
  connect();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      removeEventListener("online", now);
      removeEventListener("focus", now);
      socket?.close();
    },
  };
}
