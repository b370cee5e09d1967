/**
 * The one script of our pages, served as a file: the table of the latest decisions follows what comes in. It places text
 * and nothing else (the page requires trusted types), and asks for nothing that the page without it does not show.
 */
export const LIVE_SCRIPT_PATH = "/console/live.js"

export const LIVE_SCRIPT = /* js */ `"use strict";
(() => {
  const MOST_ROWS = 200;
  const body = document.getElementById("lines");
  const state = document.getElementById("state");
  const pause = document.getElementById("pause");
  const picture = document.getElementById("rates");
  if (!body || !state || !pause || !picture) return;
  const { events, newest } = body.dataset;
  const seen = new Set(Array.from(body.rows, (row) => row.dataset.id));
  let isPaused = false;
  let waiting = [];

  // Said only where it changes: whoever listens to the page must not be told of each decision.
  const say = (text) => {
    if (state.textContent !== text) state.textContent = text;
    state.classList.toggle("on", text === "Following");
  };
  const sayPaused = () => say("Paused" + (waiting.length > 0 ? ": " + waiting.length + " since" : ""));

  const cell = (label, text, ...classes) => {
    const td = document.createElement("td");
    td.dataset.label = label;
    td.classList.add(...classes);
    td.textContent = text;
    return td;
  };
  const rowOf = (line) => {
    const row = document.createElement("tr");
    row.dataset.id = line.id;
    row.classList.add("new");
    const time = cell("Time", "");
    const link = document.createElement("a");
    link.href = "/console/decisions/" + encodeURIComponent(line.id);
    link.textContent = line.time;
    time.append(link);
    const verdict = cell("Decision", "");
    const badge = document.createElement("span");
    const isAllowed = line.decision === "allow";
    badge.classList.add("badge", isAllowed ? "good" : "bad");
    badge.textContent = isAllowed ? "allowed" : line.code;
    verdict.append(badge);
    row.append(time, verdict, cell("What", line.what), cell("Who", line.who), cell("Why", line.why, "quiet"));
    return row;
  };
  const show = (lines) => {
    body.prepend(...lines.toReversed().map(rowOf));
    while (body.rows.length > MOST_ROWS) body.rows[body.rows.length - 1].remove();
    const empty = document.getElementById("empty");
    if (empty && body.rows.length > 0) empty.remove();
  };

  const slots = JSON.parse(picture.dataset.slots);
  const slotMs = Number(picture.dataset.slotMs);
  const height = Number(picture.dataset.height);
  const moveOn = () => {
    const now = Math.floor(Date.now() / slotMs) * slotMs;
    while (slots[slots.length - 1].at < now) {
      slots.shift();
      slots.push({ at: slots[slots.length - 1].at + slotMs, allowed: 0, denied: 0 });
    }
  };
  const count = (at, allowed, denied) => {
    const start = Math.floor(at / slotMs) * slotMs;
    const slot = slots.find((each) => each.at === start);
    if (!slot) return;
    slot.allowed += allowed;
    slot.denied += denied;
  };
  const round = (number) => String(Math.round(number * 10) / 10);
  const draw = () => {
    moveOn();
    const most = Math.max(1, ...slots.map((slot) => slot.allowed + slot.denied));
    const groups = picture.querySelectorAll("g.slot");
    let [ups, downs] = [0, 0];
    slots.forEach((slot, index) => {
      const [up, down] = [(slot.allowed / most) * height, (slot.denied / most) * height];
      const [allowed, denied] = groups[index].children;
      allowed.setAttribute("y", round(height - down - up));
      allowed.setAttribute("height", round(up));
      denied.setAttribute("y", round(height - down));
      denied.setAttribute("height", round(down));
      ups += slot.allowed;
      downs += slot.denied;
    });
    const share = ups + downs === 0 ? "" : " (" + Math.round((100 * downs) / (ups + downs)) + " %)";
    const text = ups + " allowed, " + downs + " denied" + share;
    picture.setAttribute("aria-label", text);
    document.getElementById("figures").textContent = text;
    document.getElementById("highest").textContent = String(most);
  };

  const take = (told) => {
    const lines = told.lines.filter((line) => !seen.has(line.id));
    for (const line of lines) {
      seen.add(line.id);
      count(line.at, line.decision === "allow" ? 1 : 0, line.decision === "allow" ? 0 : 1);
    }
    // What is not told line by line is counted where it came.
    count(Date.now(), told.more.allowed, told.more.denied);
    while (seen.size > 10 * MOST_ROWS) seen.delete(seen.values().next().value);
    draw();
    if (told.gap) document.getElementById("gap").hidden = false;
    if (isPaused) {
      waiting = waiting.concat(lines).slice(-MOST_ROWS);
      sayPaused();
    } else show(lines);
  };

  const source = new EventSource(events + (events.includes("?") ? "&" : "?") + "after=" + encodeURIComponent(newest));
  const following = () => (isPaused ? sayPaused() : say("Following"));
  source.addEventListener("open", following);
  source.addEventListener("decisions", (event) => { take(JSON.parse(event.data)); following(); });
  source.addEventListener("end", (event) => { source.close(); say(event.data); pause.hidden = true; });
  source.addEventListener("error", () => {
    const isOver = source.readyState === EventSource.CLOSED;
    say(isOver ? "This page does not follow any more: open it again" : "The connection is lost, trying again");
  });
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Go on" : "Pause";
    if (!isPaused) { show(waiting); waiting = []; }
    following();
  });
  pause.hidden = false;
  say("Connecting");
  setInterval(draw, 5000);
})();
`
