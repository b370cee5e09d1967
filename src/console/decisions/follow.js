/**
 * The script of the page of the latest decisions: it adds new decisions to the table and the picture. It inserts text only
 * (the page requires trusted types), and requests nothing that the page does not show without it.
 *
 * It is JavaScript, checked like TypeScript (tsconfig.pages.json). The Worker serves its text as it stands here, so the
 * function uses nothing from outside of itself.
 */

/**
 * @typedef {import("./live-update.ts").LiveLine} LiveLine
 * @typedef {import("./live-update.ts").LiveUpdate} LiveUpdate
 * @typedef {{ at: number, allowed: number, denied: number }} Slot
 */

export function follow() {
  const MOST_ROWS = 200
  const DRAW_EVERY_MS = 5_000
  const lines = document.querySelector("tbody#lines")
  const state = document.getElementById("state")
  const pause = document.getElementById("pause")
  const picture = document.querySelector("svg#rates")
  if (!(lines instanceof HTMLTableSectionElement) || !(picture instanceof SVGElement) || !state || !pause) return
  const { events = "", newest = "" } = lines.dataset
  /** The ids of decisions, in the order in which they arrived. */
  const seen = new Set(Array.from(lines.rows, (row) => row.dataset["id"] ?? ""))
  let isPaused = false
  /** @type {readonly LiveLine[]} */
  let waiting = []

  /**
   * Writes only changes: a screen reader reads each new text aloud, and must not read one for each decision.
   * @param {string} text
   */
  const setState = (text) => {
    if (state.textContent !== text) state.textContent = text
    state.classList.toggle("on", text === "Live")
  }
  const setPaused = () => setState(waiting.length > 0 ? `Paused, ${waiting.length} new` : "Paused")

  /**
   * @param {string} label
   * @param {string | Node} content
   * @param {string} [look]
   */
  const cell = (label, content, look) => {
    const td = document.createElement("td")
    td.dataset["label"] = label
    if (look !== undefined) td.classList.add(look)
    td.append(content)
    return td
  }
  /** @param {LiveLine} line */
  const rowOf = ({ id, time, decision, code, what, who, why }) => {
    const row = document.createElement("tr")
    row.dataset["id"] = id
    row.classList.add("new")
    const link = document.createElement("a")
    link.href = `/console/decisions/${encodeURIComponent(id)}`
    link.textContent = time
    const verdict = document.createElement("span")
    verdict.classList.add("badge", decision === "allow" ? "good" : "bad")
    verdict.textContent = decision === "allow" ? "allowed" : code
    row.append(cell("Time", link), cell("Decision", verdict), cell("What", what), cell("Who", who))
    row.append(cell("Why", why, "quiet"))
    return row
  }
  /** @param {readonly LiveLine[]} added */
  const show = (added) => {
    lines.prepend(...added.map(rowOf).toReversed())
    while (lines.rows.length > MOST_ROWS) lines.deleteRow(-1)
    if (lines.rows.length > 0) document.getElementById("empty")?.remove()
  }

  /** @type {Slot[]} Oldest first. */
  const slots = JSON.parse(picture.dataset["slots"] ?? "[]")
  const slotMs = Number(picture.dataset["slotMs"])
  const height = Number(picture.dataset["height"])
  /** @param {number} at */
  const startOf = (at) => Math.floor(at / slotMs) * slotMs
  const moveOn = () => {
    const now = startOf(Date.now())
    for (let last = slots.at(-1); last && last.at < now; last = slots.at(-1)) {
      slots.shift()
      slots.push({ at: last.at + slotMs, allowed: 0, denied: 0 })
    }
  }
  /**
   * @param {number} at
   * @param {number} allowed
   * @param {number} denied
   */
  const count = (at, allowed, denied) => {
    const slot = slots.find((each) => each.at === startOf(at))
    if (!slot) return
    slot.allowed += allowed
    slot.denied += denied
  }
  /** @param {number} number */
  const round = (number) => String(Math.round(number * 10) / 10)
  /**
   * @param {Element | undefined} bar
   * @param {number} y
   * @param {number} size
   */
  const drawBar = (bar, y, size) => {
    bar?.setAttribute("y", round(y))
    bar?.setAttribute("height", round(size))
  }
  /**
   * @param {string} id
   * @param {string} text
   */
  const write = (id, text) => {
    const element = document.getElementById(id)
    if (element) element.textContent = text
  }
  const draw = () => {
    moveOn()
    const most = Math.max(1, ...slots.map(({ allowed, denied }) => allowed + denied))
    const groups = picture.querySelectorAll("g.slot")
    let [ups, downs] = [0, 0]
    for (const [index, slot] of slots.entries()) {
      const [up, down] = [(slot.allowed / most) * height, (slot.denied / most) * height]
      const [allowed, denied] = groups[index]?.children ?? []
      drawBar(allowed, height - down - up, up)
      drawBar(denied, height - down, down)
      ups += slot.allowed
      downs += slot.denied
    }
    const share = ups + downs === 0 ? "" : ` (${Math.round((100 * downs) / (ups + downs))} %)`
    const text = `${ups} allowed, ${downs} denied${share}`
    picture.setAttribute("aria-label", text)
    write("figures", text)
    write("highest", String(most))
  }

  /** @param {LiveUpdate} update */
  const apply = ({ lines: all, more, gap }) => {
    const fresh = all.filter(({ id }) => !seen.has(id))
    for (const { id, at, decision } of fresh) {
      seen.add(id)
      count(at, decision === "allow" ? 1 : 0, decision === "allow" ? 0 : 1)
    }
    // Decisions without a line of their own are counted at the time of arrival.
    count(Date.now(), more.allowed, more.denied)
    for (const id of seen) {
      if (seen.size <= 10 * MOST_ROWS) break
      seen.delete(id)
    }
    draw()
    const notice = document.getElementById("gap")
    if (gap && notice) notice.hidden = false
    if (isPaused) waiting = [...waiting, ...fresh].slice(-MOST_ROWS)
    else show(fresh)
  }

  const source = new EventSource(`${events}${events.includes("?") ? "&" : "?"}after=${encodeURIComponent(newest)}`)
  const setLive = () => (isPaused ? setPaused() : setState("Live"))
  source.addEventListener("open", setLive)
  source.addEventListener("decisions", ({ data }) => {
    apply(JSON.parse(data))
    setLive()
  })
  source.addEventListener("end", ({ data }) => {
    source.close()
    setState(data)
    pause.hidden = true
  })
  source.addEventListener("error", () => {
    const isClosed = source.readyState === EventSource.CLOSED
    setState(isClosed ? "Disconnected. Reload" : "Reconnecting")
  })
  pause.addEventListener("click", () => {
    isPaused = !isPaused
    pause.setAttribute("aria-pressed", String(isPaused))
    pause.textContent = isPaused ? "Resume" : "Pause"
    if (!isPaused) {
      show(waiting)
      waiting = []
    }
    setLive()
  })
  pause.hidden = false
  setState("Connecting")
  setInterval(draw, DRAW_EVERY_MS)
}
