/* Opens the kiosk page while the hall's machine is away: the last one that was loaded. Knows no
   request of the page itself; what people do is kept by the page, not here. */
"use strict";

const SHELF = "onehall-kiosk";
const PAGE = "/kiosk";
const OURS = /^\/(kiosk$|kiosk-static\/|shell\/)/;
const PATIENCE = 4000;

/* The page and everything it names, all or nothing; what it no longer names goes. */
async function fill() {
  const answer = await fetch(PAGE, { cache: "no-store" });
  if (!answer.ok) return;
  const text = await answer.clone().text();
  const found = Array.from(text.matchAll(/(?:src|href)="(\/(?:kiosk-static|shell)\/[^"]+)"/g));
  const named = Array.from(new Set(found.map(function (one) {
    return one[1].replace(/&amp;/g, "&");
  })));
  const shelf = await caches.open(SHELF);
  await shelf.addAll(named);
  await shelf.put(PAGE, answer);
  const wanted = new Set(named.concat(PAGE).map(function (path) {
    return new URL(path, self.location.origin).href;
  }));
  for (const kept of await shelf.keys()) {
    if (!wanted.has(kept.url)) await shelf.delete(kept);
  }
}

async function fetched(request) {
  const stop = new AbortController();
  const timer = setTimeout(function () { stop.abort(); }, PATIENCE);
  try {
    return await fetch(request, { signal: stop.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function answered(request, path) {
  const kept = await caches.match(path === PAGE ? PAGE : request);
  /* An address with the hash of its content never changes. */
  if (kept && path !== PAGE && new URL(request.url).searchParams.has("v")) return kept;
  try {
    const fresh = await fetched(request);
    return fresh.ok || !kept ? fresh : kept;
  } catch (nobody) {
    if (kept) return kept;
    throw nobody;
  }
}

self.addEventListener("install", function (event) {
  self.skipWaiting();
  event.waitUntil(fill());
});
self.addEventListener("activate", function (event) { event.waitUntil(self.clients.claim()); });
self.addEventListener("message", function (event) { event.waitUntil(fill().catch(function () {})); });
self.addEventListener("fetch", function (event) {
  const url = new URL(event.request.url);
  const mine = url.origin === self.location.origin && OURS.test(url.pathname);
  if (event.request.method === "GET" && mine) {
    event.respondWith(answered(event.request, url.pathname));
  }
});
