/* What a kiosk does beside signing people in: its report each minute, orders, roster, its clock. */
Kiosk.upkeep = (function () {
  "use strict";

  const REPORT_EVERY = 60000;
  const CLOCK_EVERY = 10000;
  const JUMP = 2000;
  const ROSTER_EVERY = 30 * 60000;
  let running = false;
  let rosterAt = -ROSTER_EVERY;

  async function report() {
    const oldest = await Kiosk.chain.oldest();
    const space = await Kiosk.store.space();
    await Kiosk.line.measure();
    const answer = await Kiosk.line.ask("POST", "/t/v1/heartbeat", {
      clocks: Kiosk.line.clocks(),
      queue: await Kiosk.chain.waiting(),
      oldest: oldest ? Kiosk.line.stamped(new Date(oldest.at)) : "",
      pictures: await Kiosk.chain.pictures(),
      storage_used: space.used,
      storage_quota: space.quota,
      acked_through: await Kiosk.chain.acked(),
      camera: await Kiosk.lens.look(),
      version: document.body.dataset.version || "",
      secure: window.isSecureContext,
    });
    if (answer.status === 200) await caughtUp(answer.told.acked_through);
    return answer;
  }

  async function caughtUp(through) {
    if (await Kiosk.chain.resync(through) > 0 || await Kiosk.chain.waiting()) {
      await Kiosk.chain.deliver();
    }
    await Kiosk.screen.waiting();
  }

  async function refreshRoster(force) {
    if (!force && performance.now() - rosterAt < ROSTER_EVERY) return;
    const known = (await Kiosk.store.get("facts", "roster")) || { people: [] };
    const since = force ? "" : known.roster_ver || "";
    const answer = await Kiosk.line.ask("GET", "/t/v1/roster?since=" + since);
    if (answer.status !== 200) return;
    if (!await Kiosk.keys.isOfHall(answer.told.roster, answer.told.signature)) return;
    const told = JSON.parse(answer.told.roster);
    const people = told.roster_ver === since ? known.people : told.upserts;
    await Kiosk.store.put("facts", "roster", {
      roster_ver: told.roster_ver, expires_at: told.expires_at, people: people });
    rosterAt = performance.now();
  }

  /* {found, name}: who has this number, as far as the roster of the last three days tells. */
  async function person(typed) {
    const known = await Kiosk.store.get("facts", "roster");
    if (!known || Date.parse(known.expires_at) < Kiosk.line.now().getTime()) {
      if (known) await Kiosk.store.remove("facts", "roster");
      return { found: true, name: "", roster_ver: "" };
    }
    const number = typed.trim().toUpperCase();
    const one = known.people.find(function (row) {
      return row[0] === number || row[0].endsWith("-" + number);
    });
    return { found: Boolean(one), name: one ? one[1] : "", roster_ver: known.roster_ver };
  }

  const ORDERS = {
    show_message: async function (order) {
      Kiosk.screen.line("notice", order.argument);
      return "shown";
    },
    refresh_roster: async function () {
      await refreshRoster(true);
      return "refreshed";
    },
    resync_from: async function (order) {
      const again = await Kiosk.chain.resync(Number(order.argument) - 1);
      await Kiosk.chain.deliver();
      return Math.max(0, again) + " again";
    },
    rotate_key: rotate,
  };

  /* Only when nothing waits: what waits is signed for under the key that wrote it. */
  async function rotate() {
    await Kiosk.chain.deliver();
    if (await Kiosk.chain.waiting()) return "";
    const old = Kiosk.keys.mine;
    const made = await Kiosk.keys.make();
    const text = ["onehall-terminal/1 rotate", old.terminal, old.id, made.id].join("\n");
    const proof = Kiosk.keys.hex(await Kiosk.keys.signWith(made.key, text));
    const next = Object.assign({}, old, made);
    /* Kept first: an answer that is lost must not leave a kiosk without the key that counts. */
    await Kiosk.store.put("facts", "next", next);
    const answer = await Kiosk.line.ask("POST", "/t/v1/keys", { public: made.public, proof: proof });
    if (answer.status === 200) await goOver(next);
    return answer.status === 200 ? "rotated" : "";
  }

  async function goOver(next) {
    await Kiosk.keys.keep(next);
    await Kiosk.chain.begin();
    await Kiosk.store.remove("facts", "next");
  }

  /* The node took the new key, and its answer was lost. */
  async function finishRotation() {
    const next = await Kiosk.store.get("facts", "next");
    if (!next) return false;
    await goOver(next);
    return true;
  }

  async function obey() {
    while (running) {
      const answer = await Kiosk.line.ask("GET", "/t/v1/commands?wait=25", undefined, 40000);
      const orders = answer.status === 200 ? answer.told.commands : [];
      for (const order of orders) {
        const act = ORDERS[order.kind];
        const result = act ? await act(order) : "unknown";
        if (!result) continue;
        await Kiosk.line.ask("POST", "/t/v1/commands/" + order.id, { result: result });
      }
      if (answer.status !== 200 && answer.status !== 0) return;
      await pause(orders.length ? 1000 : answer.status ? 5000 : 20000);
    }
  }

  function pause(milliseconds) {
    return new Promise(function (go) { window.setTimeout(go, milliseconds); });
  }

  /* A clock that was set, or a machine that slept, is written down. */
  function watchClock() {
    let before = Date.now() - performance.now();
    window.setInterval(function () {
      const offset = Date.now() - performance.now();
      if (Math.abs(offset - before) > JUMP) {
        const jump = Math.round(offset - before);
        Kiosk.chain.note("clock_set", { note: jump + " ms" }).catch(function () {});
      }
      before = offset;
    }, CLOCK_EVERY);
  }

  function start() {
    if (running) return;
    running = true;
    watchClock();
    const turn = function () {
      return report().then(function () { return refreshRoster(false); }).catch(function () {});
    };
    turn();
    window.setInterval(turn, REPORT_EVERY);
    obey().catch(function () {}).finally(function () { running = false; });
  }

  return { start, report, person, finishRotation, pause };
})();
