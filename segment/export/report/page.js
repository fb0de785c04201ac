"use strict";
(function () {
  var data = JSON.parse(document.getElementById("data").textContent);
  var stage = document.getElementById("stage");
  var video = document.getElementById("video");
  var svg = document.getElementById("boxes");
  var strip = document.getElementById("strip");
  var hand = document.getElementById("hand");
  var play = document.getElementById("play");
  var show = document.getElementById("show");
  var now = document.getElementById("now");
  var rows = [].slice.call(document.querySelectorAll(".row"));
  var NS = "http://www.w3.org/2000/svg";
  var at = 0, shown = 0;

  // Boxes: differences become times and places, a stretch each.
  var tracks = data.tracks.map(function (coded) {
    var track = { id: coded[0], ink: coded[1], t: [], box: [] };
    var v = [0, 0, 0, 0, 0];
    for (var i = 2; i < coded.length; i += 5) {
      for (var k = 0; k < 5; k++) v[k] += coded[i + k];
      track.t.push(v[0] / 100);
      track.box.push([v[1], v[2], v[3], v[4]]);
    }
    return track;
  });

  function boxAt(track, t) {
    var times = track.t, last = times.length - 1;
    if (t < times[0] - 0.02 || t > times[last] + Math.max(0.06, 0.6 * data.step)) return null;
    var a = 0, b = last;
    while (b - a > 1) {
      var m = (a + b) >> 1;
      if (times[m] <= t) a = m; else b = m;
    }
    var span = times[b] - times[a];
    var s = span > 0 ? Math.min(1, Math.max(0, (t - times[a]) / span)) : 0;
    return track.box[a].map(function (from, k) { return from + s * (track.box[b][k] - from); });
  }

  // A tag stands above its box, or wherever it covers no name of a zone or line.
  var names = [];
  function place(box, wide) {
    var high = 15, right = box[0] + box[2] - wide, under = box[1] + box[3];
    var above = Math.max(0, box[1] - high);
    var spots = [[box[0], above], [right, above], [box[0], under], [right, under]];
    return spots.filter(function (at) {
      return at[1] + high <= svg.ownerSVGElement.viewBox.baseVal.height && names.every(function (name) {
        return at[0] > name.x + name.width || at[0] + wide < name.x ||
               at[1] > name.y + name.height || at[1] + high < name.y;
      });
    })[0] || spots[0];
  }

  var pool = [];
  function draw(t) {
    names = [].map.call(stage.querySelectorAll(".name"), function (name) { return name.getBBox(); });
    var used = 0;
    // The boxes of the picture that is shown: it stays until the next one.
    if (t > shown && t < shown + data.step) t = shown;
    if (show.getAttribute("aria-pressed") === "true") {
      tracks.forEach(function (track) {
        var box = boxAt(track, t);
        if (!box) return;
        var item = pool[used];
        if (!item) {
          item = { rect: document.createElementNS(NS, "rect"),
                   plate: document.createElementNS(NS, "rect"),
                   text: document.createElementNS(NS, "text") };
          item.rect.setAttribute("class", "box");
          item.text.setAttribute("class", "tag");
          svg.appendChild(item.rect); svg.appendChild(item.plate); svg.appendChild(item.text);
          pool.push(item);
        }
        used++;
        var hue = track.ink;
        item.rect.setAttribute("x", box[0]); item.rect.setAttribute("y", box[1]);
        item.rect.setAttribute("width", box[2]); item.rect.setAttribute("height", box[3]);
        item.rect.setAttribute("stroke", hue); item.rect.setAttribute("data-id", track.id);
        var label = String(track.id), wide = 7 * label.length + 8;
        var spot = place(box, wide);
        item.plate.setAttribute("x", spot[0]); item.plate.setAttribute("y", spot[1]);
        item.plate.setAttribute("width", wide); item.plate.setAttribute("height", 15);
        item.plate.setAttribute("fill", hue);
        item.text.setAttribute("x", spot[0] + 4); item.text.setAttribute("y", spot[1] + 11.5);
        item.text.textContent = label;
        item.rect.style.display = item.plate.style.display = item.text.style.display = "";
      });
    }
    for (var i = used; i < pool.length; i++) {
      pool[i].rect.style.display = pool[i].plate.style.display = pool[i].text.style.display = "none";
    }
  }

  function clock(t) {
    var shown = t + data.start;
    if (data.clock !== null) {
      shown = ((data.clock + shown) % 86400 + 86400) % 86400;
    }
    var s = Math.floor(shown), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    var two = function (n) { return (n < 10 ? "0" : "") + n; };
    if (data.clock !== null) return two(h) + ":" + two(m) + ":" + two(s % 60);
    return (h ? h + ":" + two(m) : String(m)) + ":" + two(s % 60);
  }

  function mark(t) {
    at = t;
    stage.setAttribute("data-now", t.toFixed(3));
    hand.style.left = (100 * Math.min(1, Math.max(0, t / data.span))) + "%";
    now.textContent = clock(t);
    strip.setAttribute("aria-valuenow", t.toFixed(1));
    strip.setAttribute("aria-valuetext", clock(t));
    rows.forEach(function (row) {
      var from = +row.getAttribute("data-from"), to = +row.getAttribute("data-to");
      row.classList.toggle("on", t >= from - 0.05 && t <= Math.max(to, from + 0.6));
    });
    draw(t);
  }

  function seek(t) {
    t = Math.min(Math.max(0, t), data.span);
    if (video.readyState > 0) video.currentTime = Math.min(t, Math.max(0, video.duration - 0.01));
    mark(t);
  }

  // The video lies in the page itself, or beside it.
  var inline = document.getElementById("film");
  if (inline) {
    var text = atob(inline.textContent.trim()), bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
    inline.textContent = "";
  }
  video.controls = false;
  video.addEventListener("loadedmetadata", function () { if (at) seek(at); });
  video.addEventListener("error", function () {
    now.textContent = "this browser cannot play the video";
  });
  if (video.requestVideoFrameCallback) {
    var each = function (_, frame) {
      shown = frame.mediaTime;
      mark(shown);
      video.requestVideoFrameCallback(each);
    };
    video.requestVideoFrameCallback(each);
  } else {
    video.addEventListener("timeupdate", function () { mark(video.currentTime); });
  }
  video.addEventListener("seeked", function () { mark(video.currentTime); });
  video.addEventListener("play", function () { play.textContent = "Pause"; });
  video.addEventListener("pause", function () { play.textContent = "Play"; });

  function toggle() {
    if (!video.paused) { video.pause(); return; }
    var begun = video.play();
    if (begun && begun.catch) begun.catch(function () {});
  }
  play.addEventListener("click", toggle);
  stage.addEventListener("click", toggle);
  show.addEventListener("click", function () {
    show.setAttribute("aria-pressed", String(show.getAttribute("aria-pressed") !== "true"));
    draw(at);
  });

  function fromPointer(event) {
    var area = strip.getBoundingClientRect();
    seek(data.span * (event.clientX - area.left) / area.width);
  }
  strip.addEventListener("pointerdown", function (event) {
    strip.setPointerCapture(event.pointerId);
    fromPointer(event);
  });
  strip.addEventListener("pointermove", function (event) {
    if (strip.hasPointerCapture(event.pointerId)) fromPointer(event);
  });
  strip.addEventListener("keydown", function (event) {
    var step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 }[event.key];
    if (step) seek(at + step * Math.max(1, data.span / 600));
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(data.span);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", function (event) {
    var tag = event.target.tagName;
    if (event.key === " " && tag !== "BUTTON" && tag !== "A") { toggle(); event.preventDefault(); }
  });

  [].forEach.call(document.querySelectorAll("[data-seek]"), function (item) {
    item.addEventListener("click", function () {
      seek(+item.getAttribute("data-seek"));
      if (item.classList.contains("thing")) stage.scrollIntoView({ block: "center" });
    });
  });

  var kinds = [].slice.call(document.querySelectorAll("[data-kind-of]"));
  kinds.forEach(function (pill) {
    pill.addEventListener("click", function () {
      var on = pill.getAttribute("aria-pressed") !== "true";
      kinds.forEach(function (other) {
        other.setAttribute("aria-pressed", String(on && other === pill));
      });
      var kind = on ? pill.getAttribute("data-kind-of") : null;
      rows.forEach(function (row) {
        row.parentNode.hidden = kind !== null && row.getAttribute("data-kind") !== kind;
      });
    });
  });
  [].forEach.call(document.querySelectorAll("[data-needs-script]"), function (item) {
    item.hidden = false;
  });
  mark(0);
})();
