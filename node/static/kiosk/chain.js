/* The events of this kiosk: numbered, chained by hash, on the disk before anything is said, and
   forgotten only after the node has them (and not before ninety days). */
Kiosk.chain = (function () {
  "use strict";

  const AT_ONCE = 50;
  const MOST_WAITING = 5000;
  const MOST_PICTURES = 300;
  const KEPT_MS = 90 * 86400000;
  let sending = null;

  function place(seq) { return Kiosk.keys.mine.id + "/" + String(seq).padStart(12, "0"); }
  async function acked() { return (await Kiosk.store.get("facts", "acked")) || 0; }

  /* A new key begins a new chain, which names the key; one that was prepared may go on. */
  async function begin(after) {
    const mine = Kiosk.keys.mine;
    await Kiosk.store.put("facts", "acked", after ? after.acked_through : 0);
    await Kiosk.store.put("facts", "head", {
      seq: after ? after.last_seq : 0, hash: after ? after.last_hash : mine.id });
  }

  function known() { return Kiosk.store.get("facts", "head"); }

  async function sealed(event, more) {
    const out = Object.assign({}, event, more);
    const mine = Kiosk.keys.mine;
    for (const secret of ["pin", "card"]) {
      if (out[secret] === undefined) continue;
      const place = mine.terminal + "/" + out.event_id;
      const plain = Kiosk.keys.bytes(out[secret]);
      out[secret] = Kiosk.keys.base64(await Kiosk.keys.seal(plain, place));
    }
    const blobs = [];
    for (const picture of out.pictures || []) {
      const data = await Kiosk.keys.seal(picture, mine.terminal + "/picture");
      blobs.push({ digest: await Kiosk.keys.digest(data), data: data });
    }
    delete out.pictures;
    if (blobs.length) out.blobs = blobs.map(function (blob) { return blob.digest; });
    return { event: out, blobs: blobs };
  }

  /* Writes an event down; answers its number. When this is done, it is on the disk. */
  async function note(kind, more) {
    if (await waiting() >= MOST_WAITING) throw new Error("full");
    for (;;) {
      const head = await known();
      const made = await sealed({
        seq: head.seq + 1,
        prev_hash: head.hash,
        event_id: Kiosk.keys.hex(Kiosk.keys.random(16)),
        kind: kind,
        boot_id: Kiosk.line.clocks().boot_id,
        mono_ms: Math.round(performance.now()),
        wall: Kiosk.line.stamped(new Date()),
        tz: Intl.DateTimeFormat().resolvedOptions().timeZone || "",
        offline: Kiosk.line.away,
      }, more);
      const text = JSON.stringify(made.event);
      const hash = await Kiosk.keys.digest(text);
      const seq = head.seq + 1;
      const entry = { id: place(seq), seq: seq, kind: kind, text: text, at: Date.now(),
        blobs: made.event.blobs || [] };
      if (await Kiosk.store.append(head, entry, { seq: seq, hash: hash }, made.blobs)) return seq;
    }
  }

  async function waiting() {
    const from = place(await acked() + 1);
    return Kiosk.store.count("events", from, place(1e12 - 1));
  }

  async function oldest() {
    const found = await Kiosk.store.range("events", place(await acked() + 1), place(1e12 - 1), 1);
    return found.length ? found[0] : null;
  }

  function pictures() { return Kiosk.store.count("blobs"); }

  async function mayTakePictures() { return await pictures() + 3 <= MOST_PICTURES; }

  /* Send what waits, in order, one sender at a time; answers what became of each by its number. */
  function deliver() {
    sending = (sending || Promise.resolve()).catch(function () {}).then(sendAll);
    return sending;
  }

  async function sendAll() {
    const results = new Map();
    if (!await Kiosk.line.measure()) return results;
    for (;;) {
      const done = await acked();
      const some = await Kiosk.store.range("events", place(done + 1), place(1e12 - 1), AT_ONCE);
      if (!some.length) break;
      if (!await sendPictures(some)) break;
      const body = { events: some.map(function (one) { return one.text; }),
        clocks: Kiosk.line.clocks() };
      const answer = await Kiosk.line.ask("POST", "/t/v1/events", body, 20000);
      if (answer.status !== 200) {
        results.refused = answer;
        break;
      }
      answer.told.results.forEach(function (one) { results.set(one.seq, one); });
      await forget(some, answer.told);
      if (answer.told.acked_through <= done) break;
    }
    return results;
  }

  async function sendPictures(some) {
    for (const digest of some.flatMap(function (one) { return one.blobs; })) {
      const blob = await Kiosk.store.get("blobs", digest);
      if (!blob) continue;
      const answer = await Kiosk.line.ask("PUT", "/t/v1/blobs/" + digest, blob.data);
      if (answer.status !== 200 && answer.status !== 422) return false;
    }
    return true;
  }

  async function forget(some, told) {
    const done = some.filter(function (one) { return one.seq <= told.acked_through; });
    await Kiosk.store.put("facts", "acked", told.acked_through);
    await Kiosk.store.remove("blobs", done.flatMap(function (one) { return one.blobs; }));
    const old = (await Kiosk.store.range("events", place(0), place(told.acked_through), 100))
      .filter(function (one) { return one.at < Date.now() - KEPT_MS; });
    await Kiosk.store.remove("events", old.map(function (one) { return one.id; }));
  }

  /* The node has less than it once had (it was restored): send again from there. */
  async function resync(from) {
    const before = await acked();
    if (from < before) await Kiosk.store.put("facts", "acked", Math.max(0, from));
    return before - from;
  }

  return { begin, known, note, waiting, oldest, pictures, mayTakePictures, deliver, resync, acked };
})();
