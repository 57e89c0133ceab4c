/* This kiosk's key: made here, never readable, used to sign; and the hall's, to seal and to check.
   P-256, ECDSA and ECDH with AES-GCM, as docs/terminals.md has them. */
Kiosk.keys = (function () {
  "use strict";

  const CURVE = { name: "ECDSA", namedCurve: "P-256" };
  const ECDSA = { name: "ECDSA", hash: "SHA-256" };
  const INFO = bytes("onehall-terminal/1 seal");
  let mine = null; /* {key, public, id, terminal, epoch, hall: {signing, sealing}} */

  function bytes(text) { return new TextEncoder().encode(text); }
  function hex(buffer) {
    return Array.from(new Uint8Array(buffer), function (b) {
      return b.toString(16).padStart(2, "0");
    }).join("");
  }
  function unhex(text) {
    return new Uint8Array((text.match(/../g) || []).map(function (two) {
      return parseInt(two, 16);
    }));
  }
  function base64(buffer) {
    let text = "";
    new Uint8Array(buffer).forEach(function (b) { text += String.fromCharCode(b); });
    return btoa(text);
  }
  function random(length) { return crypto.getRandomValues(new Uint8Array(length)); }
  async function digest(data) {
    return hex(await crypto.subtle.digest("SHA-256", typeof data === "string" ? bytes(data) : data));
  }

  async function named(key, publicKey) {
    const point = await crypto.subtle.exportKey("raw", publicKey);
    return { key: key, public: hex(point), id: (await digest(point)).slice(0, 32) };
  }

  /* A key whose private half no script can read. */
  async function make() {
    const pair = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
    return named(pair.privateKey, pair.publicKey);
  }

  /* A key that was prepared at the hall's machine; from now on not readable either. */
  async function take(pkcs8) {
    const readable = await crypto.subtle.importKey("pkcs8", pkcs8, CURVE, true, ["sign"]);
    const jwk = await crypto.subtle.exportKey("jwk", readable);
    const point = { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y };
    const publicKey = await crypto.subtle.importKey("jwk", point, CURVE, true, ["verify"]);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, CURVE, false, ["sign"]);
    return named(key, publicKey);
  }

  async function signWith(key, text) {
    return crypto.subtle.sign(ECDSA, key, bytes(text));
  }

  async function load() {
    mine = (await Kiosk.store.get("facts", "key")) || null;
    return mine;
  }

  async function keep(one) {
    mine = one;
    await Kiosk.store.put("facts", "key", one);
  }

  /* Whether the hall's keys are those that were there when two people compared the words. */
  async function knowsHall(told) {
    const hall = { signing: told.hall_signing, sealing: told.hall_sealing };
    if (!mine.hall) {
      await keep(Object.assign({}, mine, { hall: hall }));
      return true;
    }
    return mine.hall.signing === hall.signing && mine.hall.sealing === hall.sealing;
  }

  async function isOfHall(text, signature) {
    const key = await crypto.subtle.importKey("raw", unhex(mine.hall.signing), CURVE, false, ["verify"]);
    return crypto.subtle.verify(ECDSA, key, unhex(signature), bytes(text));
  }

  /* For the node's eyes only: point of a key of one use, nonce, ciphertext; bound to its place. */
  async function seal(plain, place) {
    const exchange = { name: "ECDH", namedCurve: "P-256" };
    const once = await crypto.subtle.generateKey(exchange, false, ["deriveBits"]);
    const hall = await crypto.subtle.importKey("raw", unhex(mine.hall.sealing), exchange, false, []);
    const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: hall }, once.privateKey, 256);
    const master = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
    const derive = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: INFO };
    const key = await crypto.subtle.deriveKey(
      derive, master, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
    const nonce = random(12);
    const how = { name: "AES-GCM", iv: nonce, additionalData: bytes(place) };
    const sealed = await crypto.subtle.encrypt(how, key, plain);
    const point = await crypto.subtle.exportKey("raw", once.publicKey);
    return new Uint8Array(await new Blob([point, nonce, sealed]).arrayBuffer());
  }

  /* The six words that must stand on both screens. */
  async function words(list) {
    const whole = mine.public + mine.hall.signing + mine.hall.sealing;
    const found = unhex(await digest(unhex(whole)));
    return Array.from(found.slice(0, 6), function (b) { return list[b]; });
  }

  return {
    make, take, load, keep, signWith, knowsHall, isOfHall, seal, words,
    bytes, hex, base64, random, digest,
    get mine() { return mine; },
  };
})();
