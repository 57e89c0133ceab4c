/* Pictures for an enrolment: from the camera, or from files that are made smaller before they are
   sent. The page's form works without this file. */
(function () {
  "use strict";

  var LONGEST = 1280; /* pixels; a face needs 120 */
  var QUALITY = 0.88;

  function byId(id) { return document.getElementById(id); }
  var form = byId("face-form");
  var input = byId("pictures");
  var video = byId("preview");
  var most = Number(form.dataset.most);
  var fewest = Number(form.dataset.fewest);
  var stream = null;
  var shots = [];

  /* Read out, for the person stands away from the screen; a browser without a voice stays silent. */
  function speak(text) {
    if (!window.speechSynthesis || !text) return;
    var said = new SpeechSynthesisUtterance(text);
    said.lang = "zh-CN";
    window.speechSynthesis.cancel();
    window.speechSynthesis.speak(said);
  }

  function say(text, level) {
    speak(text);
    var line = byId("camera-said");
    line.textContent = text;
    line.className = "callout callout-" + (level || "info");
    line.hidden = !text;
  }

  function shrink(source, width, height) {
    var scale = Math.min(LONGEST / Math.max(width, height), 1);
    var canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
    return new Promise(function (done) { canvas.toBlob(done, "image/jpeg", QUALITY); });
  }

  function keep(blob) {
    shots.push(new File([blob], "picture-" + (shots.length + 1) + ".jpg", { type: blob.type }));
    show();
  }

  /* What is shown is what the form sends. */
  function show() {
    var list = byId("shots");
    var carrier = new DataTransfer();
    list.querySelectorAll("img").forEach(function (image) { URL.revokeObjectURL(image.src); });
    list.replaceChildren();
    shots.forEach(function (file, index) {
      var item = document.createElement("li");
      var image = document.createElement("img");
      var drop = document.createElement("button");
      image.src = URL.createObjectURL(file);
      image.alt = "第 " + (index + 1) + " 张";
      drop.type = "button";
      drop.textContent = "去掉第 " + (index + 1) + " 张";
      drop.addEventListener("click", function () {
        shots.splice(index, 1);
        show();
      });
      item.append(image, drop);
      list.append(item);
      carrier.items.add(file);
    });
    input.files = carrier.files;
    if (shots.length) {
      say(shots.length < fewest ? "还差 " + (fewest - shots.length) + " 张，请换个角度光线再拍。"
        : "已有 " + shots.length + " 张，可以登记。");
    }
  }

  input.addEventListener("change", function () {
    var files = Array.from(input.files).slice(0, most);
    shots = [];
    files.reduce(function (before, file) {
      return before.then(function () { return createImageBitmap(file); })
        .then(function (bitmap) { return shrink(bitmap, bitmap.width, bitmap.height); })
        /* What this browser cannot read is sent as it is; the hall says what is wrong with it. */
        .then(keep, function () { keep(file); });
    }, Promise.resolve());
  });

  byId("open-camera").addEventListener("click", function () {
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      say("浏览器只在本机地址或 https 下允许使用摄像头。请改用选择图片文件。", "warn");
      return;
    }
    var wanted = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" };
    navigator.mediaDevices.getUserMedia({ video: wanted, audio: false }).then(function (opened) {
      stream = opened;
      video.srcObject = opened;
      byId("camera").hidden = false;
      byId("open-camera").hidden = true;
      byId("take").hidden = false;
      say("请本人正对镜头，按“拍一张”。");
      return video.play();
    }).catch(function () {
      say("打不开摄像头，请检查是否接好、是否允许使用；或改用选择图片文件。", "warn");
    });
  });

  byId("take").addEventListener("click", function () {
    if (shots.length >= most || !video.videoWidth) return;
    shrink(video, video.videoWidth, video.videoHeight).then(keep);
  });

  speak(Array.from(document.querySelectorAll("#refusals li"), function (one) {
    return one.textContent;
  }).join(""));

  window.addEventListener("pagehide", function () {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
  });
})();
