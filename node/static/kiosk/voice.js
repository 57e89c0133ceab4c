/* What people hear: tones made here, and a local Chinese voice where the machine has one. */
Kiosk.voice = (function () {
  "use strict";

  const TONES = { ok: [660, 880], warn: [330], danger: [220, 196], ask: [520] };
  let sound = null;
  let spoken = "";

  function tone(look) {
    const notes = TONES[look];
    const Sound = window.AudioContext || window.webkitAudioContext;
    if (!notes || !Sound) return;
    try {
      sound = sound || new Sound();
      /* A browser holds sound back until somebody has touched the page. */
      if (sound.state === "suspended" && sound.resume) sound.resume().catch(function () {});
      notes.forEach(function (pitch, place) {
        const start = sound.currentTime + place * 0.16;
        const source = sound.createOscillator();
        const volume = sound.createGain();
        source.frequency.value = pitch;
        volume.gain.setValueAtTime(0.15, start);
        volume.gain.exponentialRampToValueAtTime(0.001, start + 0.15);
        source.connect(volume).connect(sound.destination);
        source.start(start);
        source.stop(start + 0.16);
      });
    } catch (silent) { /* a machine without a loudspeaker */ }
  }

  /* Asked for once, the list of voices comes later; the first sentence must not be the one to ask. */
  if (window.speechSynthesis) window.speechSynthesis.getVoices();

  /* Never a voice that sends the text somewhere. */
  function speak(text) {
    const speech = window.speechSynthesis;
    if (!speech || text === spoken) return;
    const voice = speech.getVoices().find(function (one) {
      return one.localService && one.lang.toLowerCase().startsWith("zh");
    });
    if (!voice) return;
    spoken = text;
    speech.cancel();
    const said = new SpeechSynthesisUtterance(text.replace(/\n/g, "，"));
    said.voice = voice;
    said.lang = voice.lang;
    speech.speak(said);
  }

  return { tone, speak, forget: function () { spoken = ""; } };
})();
