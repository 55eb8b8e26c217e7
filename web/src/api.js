// SPDX-License-Identifier: Apache-2.0
// The machine's HTTP interface. Everything is asked from the page's own origin; nothing else is ever contacted.

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.detail || body?.title || `${response.status} ${response.statusText}`);
  return body;
}

export const get = (path) => fetch(path, { headers: { accept: "application/json" } }).then(answer);

export const post = (path, body = {}) =>
  fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }).then(answer);

/** Live snapshots. Calls onState for each, onLink(true|false) when the stream comes and goes. */
export function live(onState, onLink) {
  const stream = new EventSource("/api/events");
  stream.addEventListener("state", (event) => {
    onLink(true);
    onState(JSON.parse(event.data));
  });
  stream.onopen = () => onLink(true);
  stream.onerror = () => onLink(false); // the browser reconnects by itself
  return () => stream.close();
}
