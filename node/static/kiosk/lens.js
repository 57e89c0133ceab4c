/* The camera: runs only while somebody signs in, and its pictures live only in this page. */
Kiosk.lens = (function () {
  "use strict";

  const WIDTH = 640;
  const HEIGHT = 480;
  const QUALITY = 0.85;
  const OFF_AFTER = 20000;
  const video = document.getElementById("preview");
  let stream = null;
  let timer = 0;
  let state = "";

  async function open() {
    window.clearTimeout(timer);
    if (stream && stream.active) return;
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) {
      state = "insecure";
      throw new Error("insecure");
    }
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, facingMode: "user" },
        audio: false,
      });
      video.srcObject = stream;
      await video.play();
      state = "on";
    } catch (closed) {
      state = "off";
      throw closed;
    }
    video.hidden = false;
    document.getElementById("clock-face").hidden = true;
  }

  function close() {
    if (stream) stream.getTracks().forEach(function (track) { track.stop(); });
    stream = null;
    video.srcObject = null;
    video.hidden = true;
    document.getElementById("clock-face").hidden = false;
  }

  function closeSoon() {
    window.clearTimeout(timer);
    timer = window.setTimeout(close, OFF_AFTER);
  }

  /* One picture as the node wants it: JPEG, not mirrored, without anything beside the pixels. */
  async function picture() {
    const scale = Math.min(WIDTH / video.videoWidth, HEIGHT / video.videoHeight, 1);
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise(function (done) {
      canvas.toBlob(done, "image/jpeg", QUALITY);
    });
    return new Uint8Array(await blob.arrayBuffer());
  }

  /* Whether there is a camera at all, without switching it on. */
  async function look() {
    if (!navigator.mediaDevices || !navigator.mediaDevices.enumerateDevices) state = "insecure";
    else if (!state || state === "on") {
      const all = await navigator.mediaDevices.enumerateDevices();
      state = all.some(function (one) { return one.kind === "videoinput"; }) ? "on" : "off";
    }
    return state;
  }

  return { open, close, closeSoon, picture, look };
})();
