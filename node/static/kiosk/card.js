/* A card reader is a keyboard that types 8 to 20 digits or letters A to F at once and then Enter.
   What comes as fast as no hand types, and whole, is a card; anything else stays what it was. */
Kiosk.card = (function () {
  "use strict";

  const GAP = 50; /* ms between two keys */
  const NUMBER = /^[0-9A-F]{8,20}$/i;
  const MOST = 40;
  let read = "";
  let last = -Infinity;

  /* `take` is given the number and answers whether it wants it. */
  function watch(take) {
    document.addEventListener("keydown", function (event) {
      if (event.key === "Shift") return;
      const found = event.timeStamp - last <= GAP ? read : "";
      last = event.timeStamp;
      if (event.key !== "Enter") {
        /* A key that is no character spoils what it stands in, as a blank does. */
        read = (found + (event.key.length === 1 ? event.key : " ")).slice(-MOST);
        return;
      }
      read = "";
      if (!NUMBER.test(found) || !take(found.toUpperCase())) return;
      /* Enter must not press the button, or send the form, that has the focus. */
      event.preventDefault();
      event.stopPropagation();
    }, true);
  }

  return { watch };
})();
