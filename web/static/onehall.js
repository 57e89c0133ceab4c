/* Small comforts. Every page works without this file. */
(function () {
  "use strict";
  document.documentElement.classList.add("scripted");

  /* One press, one submit. The server keeps its own guard (the form's key). */
  document.addEventListener("submit", function (event) {
    var form = event.target;
    var asked = event.submitter && event.submitter.dataset.confirm;
    if (asked && !window.confirm(asked)) {
      event.preventDefault();
      return;
    }
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    if (form.method === "post") {
      form.setAttribute("aria-busy", "true");
      form.querySelectorAll("button").forEach(function (button) {
        button.setAttribute("aria-busy", "true");
      });
    }
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("[aria-busy]").forEach(function (busy) {
      busy.removeAttribute("aria-busy");
    });
  });

  /* Keys: data-key="F2" on a link, button or field; "/" goes to the search field; Ctrl+Enter sends
     the form one is in. */
  function isTyping(target) {
    return /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
  }
  function act(element) {
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)) {
      element.focus();
      if (element.select) element.select();
    } else {
      element.click();
    }
  }
  document.addEventListener("keydown", function (event) {
    if (event.altKey || event.isComposing || event.repeat) return;
    if (event.ctrlKey && event.key === "Enter" && event.target.form) {
      event.preventDefault();
      event.target.form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    if (event.key.length === 1 && isTyping(event.target)) return;
    var wanted = event.key === "/" ? "[data-search]" : '[data-key="' + CSS.escape(event.key) + '"]';
    var found = document.querySelector(wanted);
    if (found) {
      event.preventDefault();
      act(found);
    }
  });

  /* data-refresh="address" data-every="seconds": replace the element's content with the element of
     the same id in the answer, or with the whole answer when it is a fragment. */
  function takeOver(element, text) {
    var page = new DOMParser().parseFromString(text, "text/html");
    var same = element.id && page.getElementById(element.id);
    var fresh = (same || page.body).innerHTML;
    if (element.innerHTML !== fresh) element.innerHTML = fresh;
  }
  function refresh(element, failures) {
    var wait = Math.max(2, Number(element.dataset.every) || 10) * 1000;
    function again(count) {
      if (count >= 3) element.setAttribute("data-stale", "");
      else element.removeAttribute("data-stale");
      window.setTimeout(refresh, wait * Math.min(1 + count, 6), element, count);
    }
    if (document.hidden || element.contains(document.activeElement)) {
      again(0);
      return;
    }
    var stop = new AbortController();
    var timer = window.setTimeout(function () { stop.abort(); }, 10000);
    fetch(element.dataset.refresh, { headers: { "X-Refresh": "1" }, signal: stop.signal })
      .then(function (answer) {
        if (answer.status === 401) window.location.reload();
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text();
      })
      .then(function (text) {
        if (!element.contains(document.activeElement)) takeOver(element, text);
        again(0);
      })
      .catch(function () { again(failures + 1); })
      .finally(function () { window.clearTimeout(timer); });
  }
  document.querySelectorAll("[data-refresh]").forEach(function (element) {
    window.setTimeout(refresh, 1000 * (Number(element.dataset.every) || 10), element, 0);
  });

  /* Somebody who types is there: keep the session from idling out under a long form. */
  var token = document.querySelector('meta[name="csrf"]');
  var told = Date.now();
  document.addEventListener("input", function () {
    if (!token || Date.now() - told < 240000) return;
    told = Date.now();
    fetch("/still-here", { method: "POST", headers: { "X-CSRF": token.content } }).catch(function () {});
  });

  document.querySelectorAll("[data-print]").forEach(function (button) {
    button.addEventListener("click", function () { window.print(); });
  });
})();
