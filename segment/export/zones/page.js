"use strict";
(function () {
  var data = JSON.parse(document.getElementById("data").textContent);
  var NS = "http://www.w3.org/2000/svg";
  var byId = function (id) { return document.getElementById(id); };
  var board = byId("board"), layer = byId("places"), sketch = byId("draft"), list = byId("list");
  var wide = data.size[0], high = data.size[1];
  var places = [], draft = [], kind = "zone", held = null, past = [];

  function named(which) {
    return function (place) { return { kind: which, name: place.name, points: place.points.map(
      function (p) { return [p[0], p[1]]; }) }; };
  }
  function taken(found) {
    return (found.zones || []).map(named("zone")).concat((found.lines || []).map(named("line")));
  }
  places = taken(data);

  // --- geometry: the same rules as the command has, told here at once -------------------------

  function turn(a, b, c) { return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]); }
  function crosses(points) {
    var n = points.length;
    for (var i = 0; i < n; i++) {
      for (var j = i + 2; j < n; j++) {
        if (i === 0 && j === n - 1) continue;
        var a = points[i], b = points[i + 1], c = points[j], d = points[(j + 1) % n];
        if (turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0) return true;
      }
    }
    return false;
  }
  function fault() {
    var seen = {};
    for (var i = 0; i < places.length; i++) {
      var place = places[i], name = place.name.trim();
      if (!name) return "One of the " + place.kind + "s has no name.";
      if (Object.prototype.hasOwnProperty.call(seen, name)) {
        return "Two places are called “" + name + "”.";
      }
      seen[name] = true;
      if (place.kind === "zone" && crosses(place.points)) {
        return "The outline of “" + name + "” crosses itself; drag a corner.";
      }
    }
    return "";
  }

  // --- drawing --------------------------------------------------------------------------------

  function make(parent, tag, attributes, text) {
    var item = document.createElementNS(NS, tag);
    Object.keys(attributes).forEach(function (key) { item.setAttribute(key, attributes[key]); });
    if (text !== undefined) item.textContent = text;
    parent.appendChild(item);
    return item;
  }
  function clear(parent) { while (parent.firstChild) parent.removeChild(parent.firstChild); }
  function scale() { return wide / Math.max(1, board.getBoundingClientRect().width); }
  function flat(points) { return points.map(function (p) { return p.join(","); }).join(" "); }

  function draw() {
    clear(layer); clear(sketch);
    var unit = scale();
    places.forEach(function (place, n) {
      make(layer, place.kind === "zone" ? "polygon" : "polyline",
           { "class": "shape " + place.kind, points: flat(place.points), "data-place": n });
      place.points.forEach(function (p, k) {
        make(layer, "circle", { "class": "corner", cx: p[0], cy: p[1], r: 5.5 * unit,
                                "data-place": n, "data-corner": k });
      });
      var x = 0, y = 0;
      place.points.forEach(function (p) { x += p[0] / place.points.length; y += p[1] / place.points.length; });
      make(layer, "text", { "class": "name", x: x, y: y - (place.kind === "line" ? 9 * unit : 0),
                            "font-size": 15 * unit, "stroke-width": 4 * unit }, place.name);
    });
    if (draft.length) {
      make(sketch, "polyline", { "class": "shape draft " + kind, points: flat(draft) });
      draft.forEach(function (p) {
        make(sketch, "circle", { "class": "corner", cx: p[0], cy: p[1], r: 6 * unit });
      });
    }
    byId("finish").disabled = !(kind === "zone" && draft.length > 2);
    byId("undo").disabled = !draft.length && !past.length;
    byId("hint").textContent = kind === "line"
      ? (draft.length ? "Click the other end of the line." : "Click the two ends of a line.")
      : (draft.length > 2 ? "Click more corners, or the first one to finish."
                          : "Click the corners of a zone, one after the other.");
    var wrong = fault();
    byId("bad").textContent = wrong;
    byId("bad").hidden = !wrong;
    byId("none").hidden = places.length > 0;
  }

  function rows() {
    clear(list);
    places.forEach(function (place, n) {
      var row = document.createElement("li"), mark = document.createElement("i");
      var input = document.createElement("input"), gone = document.createElement("button");
      mark.className = place.kind;
      input.value = place.name;
      input.setAttribute("aria-label", "Name of the " + place.kind);
      input.maxLength = 80;
      input.addEventListener("input", function () { place.name = input.value; draw(); });
      gone.type = "button";
      gone.textContent = "Remove";
      gone.setAttribute("aria-label", "Remove " + place.name);
      gone.addEventListener("click", function () { keep(); places.splice(n, 1); show(); });
      row.appendChild(mark); row.appendChild(input); row.appendChild(gone);
      list.appendChild(row);
    });
  }
  function show() { rows(); draw(); }

  // --- what one does --------------------------------------------------------------------------

  function keep() {
    past.push(JSON.stringify(places));
    if (past.length > 100) past.shift();
  }
  function fresh() {
    var n = 1;
    var used = function (p) { return p.name === kind + " " + n; };
    while (places.some(used)) n++;
    return kind + " " + n;
  }
  function finish() {
    if (draft.length < (kind === "zone" ? 3 : 2)) return;
    keep();
    places.push({ kind: kind, name: fresh(), points: draft });
    draft = [];
    show();
    var inputs = list.querySelectorAll("input");
    var last = inputs[inputs.length - 1];
    last.focus(); last.select();
  }
  function where(event) {
    var box = board.getBoundingClientRect();
    var x = (event.clientX - box.left) / box.width * wide, y = (event.clientY - box.top) / box.height * high;
    var within = function (v, most) { return Math.round(10 * Math.min(Math.max(v, 0), most)) / 10; };
    return [within(x, wide), within(y, high)];
  }
  function near(a, b) { return Math.hypot(a[0] - b[0], a[1] - b[1]) < 10 * scale(); }

  board.addEventListener("pointerdown", function (event) {
    if (event.button) return;
    var corner = event.target.getAttribute("data-corner");
    if (corner !== null && !draft.length) {
      keep();
      held = [+event.target.getAttribute("data-place"), +corner];
      board.setPointerCapture(event.pointerId);
      return;
    }
    var point = where(event);
    if (kind === "zone" && draft.length > 2 && near(point, draft[0])) { finish(); event.preventDefault(); return; }
    if (draft.length && near(point, draft[draft.length - 1])) return;
    draft.push(point);
    if (kind === "line" && draft.length === 2) { finish(); event.preventDefault(); } else draw();
  });
  board.addEventListener("pointermove", function (event) {
    if (!held) return;
    places[held[0]].points[held[1]] = where(event);
    draw();
  });
  board.addEventListener("pointerup", function () { held = null; });
  board.addEventListener("pointercancel", function () { held = null; });

  function undo() {
    if (draft.length) { draft.pop(); draw(); return; }
    if (past.length) { places = JSON.parse(past.pop()); show(); }
  }
  function choose(which) {
    kind = which; draft = [];
    ["zone", "line"].forEach(function (one) { byId(one).setAttribute("aria-pressed", String(one === which)); });
    draw();
  }
  byId("zone").addEventListener("click", function () { choose("zone"); });
  byId("line").addEventListener("click", function () { choose("line"); });
  byId("undo").addEventListener("click", undo);
  byId("finish").addEventListener("click", finish);
  document.addEventListener("keydown", function (event) {
    if (event.target.tagName === "INPUT") return;
    if (event.key === "Enter" && event.target.tagName !== "BUTTON") finish();
    else if (event.key === "Escape") { draft = []; draw(); }
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) { undo(); event.preventDefault(); }
  });

  function text() {
    var of = function (which) {
      return places.filter(function (p) { return p.kind === which; }).map(function (p) {
        return { name: p.name.trim(), points: p.points };
      });
    };
    return JSON.stringify({ version: 1, size: [wide, high], zones: of("zone"), lines: of("line") }, null, 1) + "\n";
  }
  byId("save").addEventListener("click", function () {
    if (draft.length > 2 && kind === "zone") finish();
    if (fault()) { byId("bad").scrollIntoView({ block: "nearest" }); return; }
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text()], { type: "application/json" }));
    link.download = data.saved;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
    byId("hint").textContent = "Saved among your downloads.";
  });

  function load(content) {
    var found = JSON.parse(content);
    var fits = function (p) { return typeof p === "object" && p && Array.isArray(p.points) && p.points.every(
      function (q) { return Array.isArray(q) && isFinite(q[0]) && isFinite(q[1]); }); };
    var all = [].concat(found.zones || [], found.lines || []);
    if (!all.length || !all.every(fits)) throw new Error("no zones and no lines in it");
    var by = found.size ? wide / found.size[0] : 1;
    if (found.size && Math.abs(found.size[1] * by / high - 1) > 0.01) {
      throw new Error("it was drawn on a picture of another shape");
    }
    keep();
    places = taken(found);
    places.forEach(function (p) {
      p.name = String(p.name === undefined ? "" : p.name);
      p.points = p.points.map(function (q) { return [q[0] * by, q[1] * by]; });
    });
    draft = [];
    show();
  }
  byId("load").addEventListener("change", function () {
    var file = byId("load").files[0];
    if (!file) return;
    var reader = new FileReader();
    reader.onload = function () {
      try { load(reader.result); } catch (error) {
        byId("bad").textContent = "“" + file.name + "” cannot be read: " + error.message + ".";
        byId("bad").hidden = false;
      }
      byId("load").value = "";
    };
    reader.readAsText(file);
  });
  window.addEventListener("resize", draw);
  show();
})();
