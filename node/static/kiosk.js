/* The sign-in terminal. One sign-in at a time, begun by a person; the camera runs only meanwhile.
   Frames live in this page's memory until the answer is there, and are then let go. */
(function () {
  "use strict";

  var FRAMES = 3;
  var FRAME_EVERY = 600; /* ms; the node wants at least half a second */
  var WIDTH = 640;
  var HEIGHT = 480;
  var QUALITY = 0.85;
  var PATIENCE = 25000; /* ms of retries while somebody finds the right place */
  var ANSWER_WITHIN = 15000;
  var SHOW_RESULT = 4000;
  var LEAVE_PIN_AFTER = 45000;
  var CAMERA_OFF_AFTER = 20000;
  var TOKEN = "onehall-terminal-token";

  function byId(id) { return document.getElementById(id); }
  var said = byId("said");
  var video = byId("preview");
  var view = document.querySelector(".kiosk-view");
  var choices = byId("choices");
  var pinForm = byId("pin-form");
  var staffNo = byId("staff-no");
  var pin = byId("pin");

  var stream = null;
  var cameraTimer = 0;
  var idleTimer = 0;
  var pinTimer = 0;
  var current = null; /* the sign-in going on: {capture, frames, until} */
  var facesInUse = true;
  var ahead = 0; /* ms by which the hall's clock is ahead of this machine's */

  function say(text, look) {
    said.textContent = text;
    said.dataset.look = look || "idle";
  }

  function newCapture() {
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, function (b) { return b.toString(16).padStart(2, "0"); }).join("");
  }

  /* --- talking to the node ------------------------------------------------------------------ */

  function token() { return window.localStorage.getItem(TOKEN) || ""; }

  function ask(path, body) {
    var stop = new AbortController();
    var timer = window.setTimeout(function () { stop.abort(); }, ANSWER_WITHIN);
    var headers = { Accept: "application/json", Authorization: "Bearer " + token() };
    if (body) headers["Content-Type"] = "application/json";
    return fetch(path, {
      method: body ? "POST" : "GET",
      headers: headers,
      body: body ? JSON.stringify(body) : undefined,
      signal: stop.signal,
    }).then(function (answer) {
      return answer.json().catch(function () { return {}; }).then(function (told) {
        return { status: answer.status, told: told };
      });
    }).finally(function () { window.clearTimeout(timer); });
  }

  /* The same sign-in once more: the node keeps one punch for one capture. */
  function askTwice(path, body) {
    return ask(path, body).catch(function () { return ask(path, body); });
  }

  /* --- pairing -------------------------------------------------------------------------------- */

  function readAddress() {
    var given = new URLSearchParams(window.location.hash.slice(1));
    if (!given.has("pair") && !given.has("token")) return;
    window.history.replaceState(null, "", window.location.pathname);
    if (given.has("token")) window.localStorage.setItem(TOKEN, given.get("token"));
    if (given.has("pair")) return given.get("pair");
  }

  function pairWith(code) {
    return ask("/terminal/pair", { code: code }).then(function (answer) {
      if (answer.status !== 200) throw new Error(answer.told.message || "配对没有成功，请再试一次。");
      window.localStorage.setItem(TOKEN, answer.told.token);
    });
  }

  function showPairing(text) {
    current = null;
    closePin();
    byId("sign-in").hidden = true;
    byId("pairing").hidden = false;
    if (text) byId("pairing").querySelector("p").textContent = text;
    byId("pair-code").focus();
  }

  byId("pair-form").addEventListener("submit", function (event) {
    event.preventDefault();
    pairWith(byId("pair-code").value).then(contact, function (wrong) {
      showPairing(wrong.message);
    }).finally(release);
  });

  /* The shell marks a posted form busy; this page answers by itself. */
  function release() {
    document.querySelectorAll("[aria-busy]").forEach(function (busy) {
      busy.removeAttribute("aria-busy");
    });
  }

  /* --- the idle page -------------------------------------------------------------------------- */

  function contact() {
    return ask("/terminal/state").then(function (answer) {
      if (answer.status === 401) return showPairing(answer.told.message);
      if (answer.status !== 200) throw new Error("state");
      byId("pairing").hidden = true;
      byId("sign-in").hidden = false;
      byId("terminal-name").textContent = answer.told.name + "。";
      facesInUse = answer.told.faces;
      ahead = Date.parse(answer.told.time) - Date.now();
      tick();
      byId("start").hidden = !facesInUse;
      if (!current && pinForm.hidden && said.dataset.look !== "ok") idle();
    }).catch(function () {
      byId("sign-in").hidden = false;
      if (!current && pinForm.hidden) say("连接不上大厅服务器。\n请找大厅督导签到。", "danger");
    });
  }

  function tick() {
    var now = new Date(Date.now() + ahead);
    byId("clock").textContent = now.toLocaleTimeString("zh-CN", {
      timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hour12: false,
    });
    byId("day").textContent = now.toLocaleDateString("zh-CN", {
      timeZone: "Asia/Shanghai", month: "long", day: "numeric", weekday: "long",
    });
  }

  function idle() {
    window.clearTimeout(idleTimer);
    current = null;
    closePin();
    say(facesInUse ? "请按下面的按钮签到" : "请用工号和口令签到");
    byId("progress").hidden = true;
    view.classList.remove("active");
    cameraTimer = window.setTimeout(closeCamera, CAMERA_OFF_AFTER);
  }

  function idleSoon() {
    window.clearTimeout(idleTimer);
    idleTimer = window.setTimeout(idle, SHOW_RESULT);
  }

  /* --- the camera ----------------------------------------------------------------------------- */

  function openCamera() {
    window.clearTimeout(cameraTimer);
    if (stream && stream.active) return Promise.resolve();
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      return Promise.reject(new Error("insecure"));
    }
    var wanted = { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, facingMode: "user" };
    return navigator.mediaDevices.getUserMedia({ video: wanted, audio: false })
      .then(function (opened) {
        stream = opened;
        video.srcObject = opened;
        return video.play();
      })
      .then(function () {
        video.hidden = false;
        byId("clock-face").hidden = true;
      });
  }

  function closeCamera() {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
    stream = null;
    video.srcObject = null;
    video.hidden = true;
    byId("clock-face").hidden = false;
  }

  function frame() {
    var scale = Math.min(WIDTH / video.videoWidth, HEIGHT / video.videoHeight, 1);
    var canvas = document.createElement("canvas");
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", QUALITY).split(",")[1];
  }

  function wait(milliseconds) {
    return new Promise(function (go) { window.setTimeout(go, milliseconds); });
  }

  function takeFrames() {
    var taken = [];
    var marks = byId("progress").querySelectorAll("i");
    marks.forEach(function (mark) { mark.classList.remove("taken"); });
    byId("progress").hidden = false;
    function next() {
      taken.push(frame());
      marks[taken.length - 1].classList.add("taken");
      return taken.length < FRAMES ? wait(FRAME_EVERY).then(next) : taken;
    }
    return wait(300).then(next);
  }

  /* --- signing in ------------------------------------------------------------------------------ */

  byId("start").addEventListener("click", function () {
    if (current) return;
    window.clearTimeout(idleTimer);
    var mine = current = { capture: newCapture(), frames: [], until: Date.now() + PATIENCE };
    choices.hidden = true;
    say("请正对镜头，站稳");
    view.classList.add("active");
    openCamera().then(function () { return look(mine); }).catch(function (trouble) {
      if (current !== mine) return;
      say(trouble.message === "insecure"
        ? "浏览器不允许在这个网址使用摄像头。\n请用工号口令签到，并告诉管理员。"
        : "打不开摄像头。\n请用工号口令签到，并告诉管理员。", "warn");
      current = null;
      openPin();
    });
  });

  function look(mine) {
    return takeFrames().then(function (frames) {
      if (current !== mine) return;
      mine.frames = frames;
      return send(mine, {}).then(function (answer) { return heard(mine, answer); });
    });
  }

  function send(mine, more) {
    var body = Object.assign({ capture: mine.capture, frames: mine.frames }, more);
    return askTwice("/terminal/punch", body).catch(function () {
      return { status: 0, told: { message: "连接不上大厅服务器。\n请再试一次，或找大厅督导签到。" } };
    });
  }

  function heard(mine, answer) {
    if (current !== mine) return;
    var told = answer.told;
    if (answer.status === 200 && told.outcome === "accepted") return welcome(told);
    if (answer.status === 200) {
      say(told.message, told.outcome === "unknown" ? "warn" : "idle");
      /* Who was not recognised signs in by PIN alone; the frames are of no more use. */
      if (told.outcome === "unknown") mine.frames = [];
      return openPin();
    }
    if (answer.status === 401) return showPairing(told.message);
    say(told.message || "这次没有成功，请再试一次。", "warn");
    if ((answer.status === 422 || answer.status === 503) && Date.now() < mine.until) {
      return wait(700).then(function () { return current === mine ? look(mine) : undefined; });
    }
    mine.frames = [];
    say((told.message || "这次没有成功。") + "\n也可以用工号口令签到。", "warn");
    return openPin();
  }

  function welcome(told) {
    closePin();
    choices.hidden = true;
    say(told.name + "\n" + told.message, "ok");
    current = null;
    byId("progress").hidden = true;
    view.classList.remove("active");
    cameraTimer = window.setTimeout(closeCamera, CAMERA_OFF_AFTER);
    idleSoon();
  }

  /* --- number and PIN --------------------------------------------------------------------------- */

  function openPin() {
    choices.hidden = true;
    pinForm.hidden = false;
    view.classList.remove("active");
    staffNo.focus();
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
    say("请输入工号和口令");
    openPin();
  });

  byId("cancel").addEventListener("click", idle);

  pinForm.addEventListener("submit", function (event) {
    event.preventDefault();
    if (!current) current = { capture: newCapture(), frames: [], until: 0 };
    var mine = current;
    send(mine, { staff_no: staffNo.value.trim(), pin: pin.value }).then(function (answer) {
      if (answer.status === 200 && answer.told.outcome === "accepted") return welcome(answer.told);
      if (answer.status === 401) return heard(mine, answer);
      if (answer.told.code === "pin") {
        pin.value = "";
        pin.focus();
      }
      say(answer.told.message || "这次没有成功，请再试一次。", "warn");
      stayWithPin();
    }).finally(release);
  });

  pinForm.addEventListener("input", stayWithPin);

  var typedInto = staffNo;
  [staffNo, pin].forEach(function (field) {
    field.addEventListener("focus", function () { typedInto = field; });
  });
  pinForm.querySelectorAll("[data-digit]").forEach(function (key) {
    key.addEventListener("click", function () {
      var digit = key.dataset.digit;
      typedInto.value = digit === "back" ? typedInto.value.slice(0, -1)
        : (typedInto.value + digit).slice(0, typedInto.maxLength);
      typedInto.focus();
      stayWithPin();
    });
  });

  /* --- begin ------------------------------------------------------------------------------------- */

  var code = readAddress();
  tick();
  window.setInterval(tick, 1000);
  (code ? pairWith(code).catch(function (wrong) { showPairing(wrong.message); throw wrong; })
    : Promise.resolve())
    .then(function () { return token() ? contact() : showPairing(); }, function () {})
    .then(function () {
      window.setInterval(function () { if (token() && !current) contact(); }, 30000);
    });
})();
