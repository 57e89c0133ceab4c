/* Talking to the hall's machine: every request signed, times corrected, and whether it is there. */
Kiosk.line = (function () {
  "use strict";

  const ANSWER_WITHIN = 8000;
  const boot = Kiosk.keys.hex(Kiosk.keys.random(16));
  let ahead = 0; /* ms by which the hall's clock is ahead of this machine's */
  let rtt = 0; /* ms; 0 until an answer was timed */
  let away = false;
  const listeners = [];

  function now() { return new Date(Date.now() + ahead); }

  function setAway(is) {
    if (is === away) return;
    away = is;
    listeners.forEach(function (tell) { tell(is); });
  }

  function clocks() {
    return { boot_id: boot, mono_ms: Math.round(performance.now()), wall: stamped(new Date()),
      rtt_ms: Math.min(Math.round(rtt || 5000), 600000) };
  }

  /* With the offset of this machine, so that the reader knows what its clock said. */
  function stamped(moment) {
    const minutes = -moment.getTimezoneOffset();
    const local = new Date(moment.getTime() + minutes * 60000).toISOString().slice(0, 23);
    const size = Math.abs(minutes);
    const two = function (n) { return String(Math.floor(n)).padStart(2, "0"); };
    return local + (minutes < 0 ? "-" : "+") + two(size / 60) + ":" + two(size % 60);
  }

  async function signed(method, target, body) {
    const mine = Kiosk.keys.mine;
    const path = target.split("?")[0];
    const query = (target.split("?")[1] || "").split("&").filter(Boolean).sort().join("&");
    const digest = "sha-256=" + await Kiosk.keys.digest(body);
    const time = now().toISOString();
    const nonce = Kiosk.keys.hex(Kiosk.keys.random(16));
    const text = ["onehall-terminal/1", method, path, query, digest, mine.terminal, mine.id, time,
      nonce].join("\n");
    const signature = Kiosk.keys.base64(await Kiosk.keys.signWith(mine.key, text));
    return { "Hall-Device": mine.terminal, "Hall-Key": mine.id, "Hall-Time": time,
      "Hall-Nonce": nonce, "Hall-Signature": signature, "Content-Digest": digest };
  }

  /* One request; {status: 0} when nobody answered. */
  async function send(method, target, headers, body, within) {
    const stop = new AbortController();
    const timer = window.setTimeout(function () { stop.abort(); }, within || ANSWER_WITHIN);
    const began = performance.now();
    try {
      const answer = await fetch(target, { method: method, headers: headers, signal: stop.signal,
        body: method === "GET" ? undefined : body, cache: "no-store" });
      const told = await answer.json();
      if (!within) rtt = performance.now() - began;
      if (told.server_time) ahead = Date.parse(told.server_time) - Date.now();
      setAway(answer.status >= 500 && answer.status !== 503);
      return { status: answer.status, told: told };
    } catch (nobody) {
      setAway(true);
      return { status: 0, told: {} };
    } finally {
      window.clearTimeout(timer);
    }
  }

  function packed(body) {
    if (body === undefined) return { data: new Uint8Array(0), kind: {} };
    if (body instanceof Uint8Array) {
      return { data: body, kind: { "Content-Type": "application/octet-stream" } };
    }
    const data = Kiosk.keys.bytes(JSON.stringify(body));
    return { data: data, kind: { "Content-Type": "application/json" } };
  }

  /* A signed request. A clock that was off, and a request that came twice, are tried once more. */
  async function ask(method, target, body, within) {
    const { data, kind } = packed(body);
    let answer;
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const headers = Object.assign(await signed(method, target, data), kind);
      answer = await send(method, target, headers, data, within);
      const again = answer.status === 401
        && (answer.told.code === "skew" || answer.told.code === "nonce");
      if (!again) break;
    }
    return answer;
  }

  /* What anchors this page's time is sent only when it is known how long an answer takes. */
  async function measure() {
    if (!rtt) await ask("GET", "/t/v1/state");
    return rtt > 0;
  }

  function unsigned(target, body) {
    const { data, kind } = packed(body);
    return send("POST", target, kind, data);
  }

  return {
    ask, unsigned, measure, now, clocks, stamped,
    onAway: function (tell) { listeners.push(tell); },
    get away() { return away; },
  };
})();
