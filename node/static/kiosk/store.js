/* What this kiosk keeps in the browser: its key, its events, sealed pictures, the roster.
   IndexedDB, because a key that cannot be read out can be kept nowhere else. */
window.Kiosk = window.Kiosk || {};
Kiosk.store = (function () {
  "use strict";

  const STORES = ["facts", "events", "blobs"];
  let opened = null;

  function open() {
    opened = opened || new Promise(function (done, fail) {
      const asked = indexedDB.open("onehall-kiosk", 1);
      asked.onupgradeneeded = function () {
        STORES.forEach(function (name) { asked.result.createObjectStore(name); });
      };
      asked.onsuccess = function () { done(asked.result); };
      asked.onerror = function () { fail(asked.error); };
    });
    return opened;
  }

  /* Runs `work` on the stores named, and is done when the browser says that it is on the disk. */
  async function within(mode, names, work) {
    const db = await open();
    return new Promise(function (done, fail) {
      const change = db.transaction(names, mode, { durability: "strict" });
      let answer;
      change.oncomplete = function () { done(answer); };
      change.onerror = change.onabort = function () { fail(change.error || new Error("store")); };
      work(change, function (value) { answer = value; });
    });
  }

  function get(store, key) {
    return within("readonly", [store], function (change, answer) {
      const asked = change.objectStore(store).get(key);
      asked.onsuccess = function () { answer(asked.result); };
    });
  }

  function put(store, key, value) {
    return within("readwrite", [store], function (change) {
      change.objectStore(store).put(value, key);
    });
  }

  function remove(store, keys) {
    return within("readwrite", [store], function (change) {
      [].concat(keys).forEach(function (key) { change.objectStore(store).delete(key); });
    });
  }

  /* Entries of a range of keys, in order, `most` of them at most. */
  function range(store, from, to, most) {
    return within("readonly", [store], function (change, answer) {
      const asked = change.objectStore(store).getAll(IDBKeyRange.bound(from, to), most);
      asked.onsuccess = function () { answer(asked.result); };
    });
  }

  function count(store, from, to) {
    return within("readonly", [store], function (change, answer) {
      const wanted = from === undefined ? undefined : IDBKeyRange.bound(from, to);
      const asked = change.objectStore(store).count(wanted);
      asked.onsuccess = function () { answer(asked.result); };
    });
  }

  /* Adds an event, with its sealed pictures, behind `head`; false when another window was faster. */
  function append(head, entry, next, blobs) {
    return within("readwrite", STORES, function (change, answer) {
      const facts = change.objectStore("facts");
      const asked = facts.get("head");
      asked.onsuccess = function () {
        const same = asked.result && asked.result.seq === head.seq
          && asked.result.hash === head.hash;
        if (same) {
          change.objectStore("events").add(entry, entry.id);
          blobs.forEach(function (blob) { change.objectStore("blobs").put(blob, blob.digest); });
          facts.put(next, "head");
        }
        answer(Boolean(same));
      };
    });
  }

  /* Ask the browser not to clear this of itself when the disk runs low. */
  function keep() {
    return navigator.storage && navigator.storage.persist ? navigator.storage.persist() : false;
  }

  async function space() {
    const told = navigator.storage && navigator.storage.estimate
      ? await navigator.storage.estimate() : {};
    return { used: told.usage || 0, quota: told.quota || 0 };
  }

  return { get, put, remove, range, count, append, keep, space };
})();
