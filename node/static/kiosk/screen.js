/* What people see: one sentence at a time in large type, what waits to be sent, and which panel. */
Kiosk.screen = (function () {
  "use strict";

  const PANELS = ["pairing", "comparing", "sign-in", "trouble"];

  function byId(id) { return document.getElementById(id); }
  const said = byId("said");

  function say(text, look) {
    const changed = said.textContent !== text;
    said.textContent = text;
    said.dataset.look = look || "idle";
    if (!changed) return;
    if (look && look !== "idle") Kiosk.voice.tone(look);
    if (look) Kiosk.voice.speak(text);
  }

  function panel(name) {
    PANELS.forEach(function (one) { byId(one).hidden = one !== name; });
  }

  function trouble(text) {
    byId("trouble-text").textContent = text;
    panel("trouble");
  }

  /* A line under the sentence: away, waiting, a notice of the administrator. */
  function line(id, text) {
    const place = byId(id);
    place.textContent = text;
    place.hidden = !text;
  }

  async function waiting() {
    if (!Kiosk.keys.mine || !(await Kiosk.chain.known())) return;
    const count = await Kiosk.chain.waiting();
    line("waiting", count ? "本机有 " + count + " 条记录待上报" : "");
  }

  function away(is) {
    byId("sign-in").classList.toggle("away", is);
    line("away", is ? "与本厅主机断开，已记在本机，恢复后自动补报" : "");
  }

  function tick() {
    const now = Kiosk.line.now();
    const zone = "Asia/Shanghai";
    byId("clock").textContent = now.toLocaleTimeString("zh-CN", {
      timeZone: zone, hour: "2-digit", minute: "2-digit", hour12: false });
    byId("day").textContent = now.toLocaleDateString("zh-CN", {
      timeZone: zone, month: "long", day: "numeric", weekday: "long" });
  }

  function taken(count) {
    byId("progress").hidden = count < 0;
    byId("progress").querySelectorAll("i").forEach(function (mark, place) {
      mark.classList.toggle("taken", place < count);
    });
  }

  /* The steps of a challenge, the one that is due marked. */
  function steps(list, done) {
    const place = byId("steps");
    place.hidden = !list.length;
    place.replaceChildren(...list.map(function (text, number) {
      const item = document.createElement("li");
      item.textContent = text;
      item.className = number < done ? "done" : number === done ? "now" : "";
      return item;
    }));
  }

  /* The shell marks a posted form busy; this page answers by itself. */
  function release() {
    document.querySelectorAll("[aria-busy]").forEach(function (busy) {
      busy.removeAttribute("aria-busy");
    });
  }

  return { byId, say, panel, trouble, line, waiting, away, tick, taken, steps, release };
})();
