/* The kiosk page: paired or not, then one sign-in at a time, begun by a person.
   A sign-in is an event on this machine's disk before the screen says that it is recorded. */
(function () {
  "use strict";

  const FRAME_EVERY = 400; /* the node counts frames half a second apart */
  const CHALLENGE_EVERY = 150;
  const PATIENCE = 25000; /* ms while somebody finds the right place */
  const SHOW_RESULT = 4000;
  const SHOW_LONGER = 7000;
  const COOL_DOWN = 120000;
  const LEAVE_PIN_AFTER = 45000;
  const STATE_EVERY = 30000;
  const ASK_EVERY = 1500;
  const KEPT = "已记在本机，恢复后自动补报";

  const { screen, keys, line, chain, lens, voice, upkeep, store, card } = Kiosk;
  const byId = screen.byId;
  const view = document.querySelector(".kiosk-view");
  const choices = byId("choices");
  const pinForm = byId("pin-form");
  const staffNo = byId("staff-no");
  const pin = byId("pin");
  const words = byId("words").dataset.words.split(" ");

  let current = null; /* the sign-in going on: {until, ticket} */
  let facesInUse = true;
  let cardsInUse = false;
  let idleTimer = 0;
  let pinTimer = 0;

  /* --- being admitted ------------------------------------------------------------------------- */

  function given() {
    const found = new URLSearchParams(window.location.hash.slice(1));
    if (window.location.hash) window.history.replaceState(null, "", window.location.pathname);
    return found;
  }

  async function pairWith(code) {
    const made = await keys.make();
    const text = "onehall-terminal/1 pair\n" + code + "\n" + made.public;
    const proof = keys.hex(await keys.signWith(made.key, text));
    const answer = await line.unsigned("/t/v1/pair", {
      code: code, public: made.public, proof: proof, model: navigator.userAgent.slice(0, 200) });
    if (answer.status !== 202) {
      throw new Error(answer.told.message || "连接不上本厅主机，请稍后再试。");
    }
    await admit(Object.assign({ terminal: answer.told.terminal }, made), answer.told);
  }

  async function admit(mine, told, after) {
    await keys.keep(mine);
    if (told) await keys.knowsHall(told);
    await chain.begin(after);
  }

  /* A machine that was prepared at the hall's own: its key stands in the address it is opened by. */
  async function takePrepared(found) {
    const coded = found.get("key").replace(/-/g, "+").replace(/_/g, "/");
    const pkcs8 = Uint8Array.from(atob(coded), function (one) { return one.charCodeAt(0); });
    const made = await keys.take(pkcs8);
    if (keys.mine && keys.mine.id === made.id) return;
    await keys.keep(Object.assign({ terminal: found.get("terminal"), prepared: true }, made));
    await store.remove("facts", "head");
  }

  function showPairing(text) {
    current = null;
    closePin();
    screen.panel("pairing");
    if (text) byId("pairing-text").textContent = text;
    byId("pair-code").focus();
  }

  byId("pair-form").addEventListener("submit", function (event) {
    event.preventDefault();
    pairWith(byId("pair-code").value).then(contact, function (wrong) {
      showPairing(wrong.message);
    }).finally(screen.release);
  });

  async function showWords() {
    byId("words").textContent = (await keys.words(words)).join(" ");
    screen.panel("comparing");
    window.setTimeout(contact, ASK_EVERY);
  }

  /* --- the idle page -------------------------------------------------------------------------- */

  async function contact() {
    const answer = await line.ask("GET", "/t/v1/state");
    if (answer.status === 0 || answer.status >= 500) return standAlone();
    if (answer.status !== 200) return showPairing(answer.told.message);
    const told = answer.told;
    if (!await keys.knowsHall(told)) {
      return showPairing("本厅主机的密钥变了。请管理员核实后给出新的配对码。");
    }
    if (told.state === "pending") return showWords();
    if (told.state === "retired" && await upkeep.finishRotation()) return contact();
    if (told.state !== "approved") return showEnded(told);
    if (!await chain.known()) await chain.begin(told);
    await caughtUp(told);
    byId("terminal-name").textContent = told.name + "。";
    facesInUse = told.faces;
    cardsInUse = told.cards;
    open();
  }

  async function showEnded(told) {
    const waiting = await chain.known() ? await chain.waiting() : 0;
    const lost = waiting ? "本机还有 " + waiting + " 条记录没有报上去，请告诉管理员，由督导代签。" : "";
    showPairing((byId("states").dataset[told.state] || "这台签到机不能使用。") + lost);
  }

  async function caughtUp(told) {
    await store.put("facts", "idle", {
      name: told.name, faces: told.faces, cards: told.cards });
    if (await chain.resync(told.acked_through) > 0 || await chain.waiting()) chain.deliver();
  }

  /* The node is away: what was approved before goes on, from what is kept here. */
  async function standAlone() {
    const known = await store.get("facts", "idle");
    if (!known || !await chain.known()) {
      screen.trouble("连接不上本厅主机，这台签到机还不能使用。请检查网线或电源；页面会自动再试。");
      window.setTimeout(contact, ASK_EVERY);
      return;
    }
    byId("terminal-name").textContent = known.name + "。";
    facesInUse = known.faces;
    cardsInUse = Boolean(known.cards);
    open();
  }

  function open() {
    screen.panel("sign-in");
    screen.tick();
    byId("start").hidden = !facesInUse;
    screen.waiting();
    if (!current && pinForm.hidden && byId("said").dataset.look !== "ok") idle();
    upkeep.start();
    if (!open.noted) {
      open.noted = true;
      chain.note("app_start", { note: document.body.dataset.version }).then(function () {
        return line.away ? undefined : chain.deliver();
      }).then(screen.waiting).catch(function () {});
    }
  }

  function idle() {
    window.clearTimeout(idleTimer);
    current = null;
    closePin();
    voice.forget();
    const asked = facesInUse ? "请按下面的按钮签到" : "请用工号和口令签到";
    screen.say(asked + (cardsInUse ? "\n或者直接刷卡" : ""));
    screen.taken(-1);
    screen.steps([], 0);
    looking(false);
    lens.closeSoon();
  }

  function idleSoon(after) {
    window.clearTimeout(idleTimer);
    idleTimer = window.setTimeout(idle, after || SHOW_RESULT);
  }

  /* --- before the camera ------------------------------------------------------------------------ */

  byId("start").addEventListener("click", function () {
    if (current) return;
    window.clearTimeout(idleTimer);
    const mine = current = { until: Date.now() + PATIENCE, ticket: "" };
    looking(true);
    screen.say("请正对镜头，站稳", "idle");
    lens.open().then(function () {
      return line.away ? lookAlone(mine) : look(mine);
    }).catch(function (trouble) {
      if (current !== mine) return;
      screen.say(trouble.message === "insecure"
        ? "浏览器不允许在这个网址使用摄像头。\n请用工号口令签到，并告诉管理员。"
        : "打不开摄像头。\n请用工号口令签到，并告诉管理员。", "warn");
      openPin();
    });
  });

  /* Who stands before the camera may still choose the number. */
  function looking(is) {
    byId("start").hidden = is || !facesInUse;
    view.classList.toggle("active", is);
  }

  async function look(mine) {
    const begun = await line.ask("POST", "/t/v1/sessions", {});
    if (current !== mine) return;
    if (begun.status === 0 || line.away) return lookAlone(mine);
    if (begun.status !== 200) return notSigned(mine, begun);
    let every = FRAME_EVERY;
    await upkeep.pause(300);
    while (current === mine) {
      const at = Math.round(performance.now());
      const target = "/t/v1/sessions/" + begun.told.session + "/frames?at=" + at;
      const answer = await line.ask("POST", target, await lens.picture());
      if (current !== mine) return;
      if (answer.status === 0 || line.away) return lookAlone(mine);
      if (answer.status === 404 && Date.now() < mine.until) return look(mine);
      if (answer.status === 200) {
        if (answer.told.outcome) return looked(mine, answer.told);
        show(answer.told);
        every = answer.told.state === "challenge" ? CHALLENGE_EVERY : FRAME_EVERY;
      } else if (answer.status !== 503) {
        return notSigned(mine, answer);
      }
      if (Date.now() > mine.until && every === FRAME_EVERY) return tooLong(mine, answer.told);
      await upkeep.pause(Math.max(0, at + every - performance.now()));
    }
  }

  const CALM = ["hold", "no_face", "challenge"];

  function show(told) {
    screen.say(told.message, CALM.includes(told.state) ? "idle" : "warn");
    screen.taken(told.taken);
    screen.steps(told.steps, told.done);
  }

  function tooLong(mine, told) {
    screen.say((told.message || "这次没有成功。") + "\n也可以用工号口令签到。", "warn");
    return openPin();
  }

  function notSigned(mine, answer) {
    if (answer.status === 401 || answer.status === 403 || answer.status === 409) return contact();
    return tooLong(mine, answer.told);
  }

  async function looked(mine, told) {
    screen.steps([], 0);
    mine.ticket = told.ticket;
    if (told.outcome !== "accepted") {
      screen.say(told.message, told.outcome === "unknown" ? "warn" : "ask");
      return openPin();
    }
    return record(mine, "match", { ticket: told.ticket, staff_no: told.staff_no });
  }

  /* Three pictures under the node's key; who that is, the node says when it is back. */
  async function lookAlone(mine) {
    if (!await chain.mayTakePictures()) {
      screen.say("本机存的画面已满。\n请用工号口令签到。", "warn");
      return openPin();
    }
    const pictures = [];
    while (pictures.length < 3 && current === mine) {
      pictures.push(await lens.picture());
      screen.taken(pictures.length);
      if (pictures.length < 3) await upkeep.pause(600);
    }
    if (current === mine) await record(mine, "frame", { pictures: pictures });
  }

  /* --- recording -------------------------------------------------------------------------------- */

  /* First on this machine's disk, then to the node, then on the screen what became of it. */
  async function record(mine, kind, more) {
    let seq;
    try {
      seq = await chain.note(kind, more);
    } catch (full) {
      screen.say("本机存不下了，没有签上。\n请找督导签到。", "danger");
      return idleSoon(SHOW_LONGER);
    }
    const results = line.away ? new Map() : await chain.deliver();
    screen.waiting();
    if (current !== mine) return;
    if (results.refused && results.refused.status) return notSigned(mine, results.refused);
    const told = results.get(seq);
    if (!told) return keptHere(mine, kind, more);
    if (told.status === "stored" || told.was === "stored") return welcome(told, more.staff_no);
    return refused(mine, kind, told);
  }

  async function keptHere(mine, kind, more) {
    const who = more.staff_no ? await upkeep.person(more.staff_no) : { name: "" };
    const later = kind === "frame" ? "\n画面加密保存，恢复后核对是谁" : "";
    finish((who.name ? who.name + "\n" : "") + KEPT + later, "ok", SHOW_LONGER);
    byId("said").dataset.kept = "here";
  }

  /* Said only; a sign-in is never dropped, whoever comes twice is simply here. */
  const lately = new Map();

  function welcome(told, who) {
    const at = told.at.slice(11, 16);
    const again = Date.now() - (lately.get(who) || 0) < COOL_DOWN;
    if (who) lately.set(who, Date.now());
    const twice = again ? "\n刚才已签过，这次也已记下" : "";
    finish(told.name + "\n签到成功 " + at + "\n" + told.message + twice, "ok");
  }

  function finish(text, look, after) {
    /* The next one need not wait until this is gone. */
    closePin();
    looking(false);
    delete byId("said").dataset.kept;
    screen.say(text, look);
    current = null;
    screen.taken(-1);
    lens.closeSoon();
    idleSoon(after);
  }

  function refused(mine, kind, told) {
    screen.say(told.message || "这次没有成功，请再试一次。", "warn");
    if (kind === "card") return finish(told.message, "warn", SHOW_LONGER);
    if (told.reason === "pin") {
      pin.value = "";
      openPin();
      if (staffNo.value) pin.focus();
      return;
    }
    mine.ticket = "";
    openPin();
  }

  /* --- number and PIN ----------------------------------------------------------------------------- */

  function openPin() {
    choices.hidden = true;
    pinForm.hidden = false;
    looking(false);
    screen.taken(-1);
    if (document.activeElement !== pin) staffNo.focus();
    stayWithPin();
  }

  function closePin() {
    window.clearTimeout(pinTimer);
    pinForm.reset();
    pinForm.hidden = true;
    choices.hidden = false;
  }

  /* Whoever walks away leaves no half-typed PIN for the next one. */
  function stayWithPin() {
    window.clearTimeout(pinTimer);
    pinTimer = window.setTimeout(idle, LEAVE_PIN_AFTER);
  }

  byId("by-pin").addEventListener("click", function () {
    window.clearTimeout(idleTimer);
    if (current) lens.closeSoon();
    current = null;
    screen.steps([], 0);
    screen.say("请输入工号和口令");
    openPin();
  });
  byId("cancel").addEventListener("click", idle);

  // A reader types what the QR code of somebody's own page says, number and code, then Enter.
  staffNo.addEventListener("input", function () {
    const read = /^([A-Z0-9-]{1,20}) ([0-9]{8})$/i.exec(staffNo.value);
    if (read) [staffNo.value, pin.value] = [read[1], read[2]];
  });

  async function byPin() {
    const mine = current = current || { until: 0, ticket: "" };
    const who = await upkeep.person(staffNo.value);
    if (line.away && !who.found) {
      screen.say("本厅名册里没有这个工号，请再看看。", "warn");
      return staffNo.focus();
    }
    const more = { staff_no: staffNo.value.trim(), pin: pin.value };
    if (mine.ticket) more.ticket = mine.ticket;
    if (who.roster_ver) more.roster_ver = who.roster_ver;
    await record(mine, "manual", more);
    if (!pinForm.hidden) stayWithPin();
  }

  pinForm.addEventListener("submit", function (event) {
    event.preventDefault();
    byPin().finally(screen.release);
  });
  pinForm.addEventListener("input", stayWithPin);

  let typedInto = staffNo;
  [staffNo, pin].forEach(function (field) {
    field.addEventListener("focus", function () { typedInto = field; });
  });
  pinForm.querySelectorAll("[data-digit]").forEach(function (key) {
    key.addEventListener("click", function () {
      const digit = key.dataset.digit;
      typedInto.value = digit === "back" ? typedInto.value.slice(0, -1)
        : (typedInto.value + digit).slice(0, typedInto.maxLength);
      typedInto.focus();
      stayWithPin();
    });
  });

  /* --- by card ------------------------------------------------------------------------------------ */

  /* At any time, whatever is on the screen: what was begun otherwise gives way to the card. */
  card.watch(function (number) {
    if (byId("sign-in").hidden) return false;
    window.clearTimeout(idleTimer);
    lens.closeSoon();
    looking(false);
    closePin();
    screen.steps([], 0);
    screen.taken(-1);
    record(current = { until: 0, ticket: "" }, "card", { card: number });
    return true;
  });

  /* --- begin ---------------------------------------------------------------------------------------- */

  line.onAway(function (is) {
    screen.away(is);
    if (!is) chain.deliver().then(screen.waiting).catch(function () {});
  });

  async function alone() {
    /* Two windows would write two chains under one key. */
    return new Promise(function (answer) {
      navigator.locks.request("onehall-kiosk", { ifAvailable: true }, function (lock) {
        answer(Boolean(lock));
        return lock ? new Promise(function () {}) : undefined;
      });
    });
  }

  async function begin() {
    if (!window.isSecureContext || !window.crypto.subtle) {
      byId("insecure").hidden = false;
      return screen.trouble("浏览器不让这个网址使用摄像头和密钥：它既不是 https，也不是本机地址（127.0.0.1）。");
    }
    if (!await alone()) return screen.trouble("签到页面已在这台机器的另一个窗口打开，请关掉这一个。");
    if ("serviceWorker" in navigator) {
      navigator.serviceWorker.register("/kiosk-worker.js", { scope: "/" }).then(function (kept) {
        if (kept.active) kept.active.postMessage("fill");
      }).catch(function () {});
    }
    store.keep();
    await keys.load();
    const found = given();
    if (found.has("key")) await takePrepared(found);
    if (found.has("pair")) await pairWith(found.get("pair"));
    if (!keys.mine) return showPairing();
    await contact();
    window.setInterval(function () { if (!current && pinForm.hidden) contact(); }, STATE_EVERY);
  }

  screen.tick();
  window.setInterval(screen.tick, 1000);
  begin().catch(function (wrong) { showPairing(wrong.message); });
})();
