/** Changes of a text at places of it, and how `diff -u` would show them. */

export interface Splice {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

/** Changes at the same place come out in their order; an insertion at a place of a removal stays. */
export function spliced(text: string, splices: readonly Splice[]): string {
  const ordered = splices.toSorted((a, b) => a.at - b.at || Number(a.remove > 0) - Number(b.remove > 0))
  const parts: string[] = []
  let end = 0
  for (const { at, remove, insert } of ordered) {
    parts.push(text.slice(end, at), insert)
    end = Math.max(end, at + remove)
  }
  return [...parts, text.slice(end)].join("")
}

/** Whole lines of the text that others replace. */
interface Region {
  readonly start: number
  readonly end: number
  readonly splices: Splice[]
}

const CONTEXT = 3

/**
 * Made of the splices rather than by comparison: to compare a thousand new entries would take minutes. Empty if nothing
 * changes.
 */
export function unifiedDiff(file: string, text: string, splices: readonly Splice[]): string {
  const before = linesOf(text)
  let [at, line] = [0, 0]
  const regions = regionsOf(text, splices).map(({ start, end, splices: within }) => {
    // A region begins with a line, as the one before it does.
    line += linesOf(text.slice(at, start)).length
    at = start
    const moved = within.map((splice) => ({ ...splice, at: splice.at - start }))
    const removed = linesOf(text.slice(start, end))
    const inserted = linesOf(spliced(text.slice(start, end), moved))
    const same = removed.findIndex((each, index) => each !== inserted[index])
    const head = same < 0 ? removed.length : same
    const most = Math.min(removed.length, inserted.length) - head
    let tail = 0
    while (tail < most && removed.at(-1 - tail) === inserted.at(-1 - tail)) tail += 1
    return {
      line: line + head,
      removed: removed.slice(head, removed.length - tail),
      inserted: inserted.slice(head, inserted.length - tail),
    }
  })
  const changes = regions.filter(({ removed, inserted }) => removed.length + inserted.length > 0)
  const output = [`--- ${file}`, `+++ ${file}`]
  let grown = 0
  for (let index = 0; index < changes.length;) {
    const first = changes[index]
    if (!first) break
    const from = Math.max(0, first.line - CONTEXT)
    const body: string[] = []
    let [at, old, now] = [from, 0, 0]
    const context = (until: number) => {
      for (; at < Math.min(until, before.length); at++, old++, now++) body.push(` ${before[at] ?? ""}`)
    }
    while (true) {
      const change = changes[index]
      if (!change || (body.length > 0 && change.line - at > 2 * CONTEXT)) break
      context(change.line)
      body.push(...change.removed.map((line) => `-${line}`), ...change.inserted.map((line) => `+${line}`))
      at += change.removed.length
      old += change.removed.length
      now += change.inserted.length
      index++
    }
    context(at + CONTEXT)
    // A hunk without old lines stands after the line that it names.
    output.push(`@@ -${old === 0 ? from : from + 1},${old} +${from + grown + (now === 0 ? 0 : 1)},${now} @@`, ...body)
    grown += now - old
  }
  return changes.length === 0 ? "" : output.join("\n")
}

function regionsOf(text: string, splices: readonly Splice[]): Region[] {
  const regions: Region[] = []
  for (const splice of splices.toSorted((a, b) => a.at - b.at)) {
    const { at, remove, insert } = splice
    const startsLine = at === 0 || text[at - 1] === "\n"
    const isWhole =
      startsLine && (insert === "" || insert.endsWith("\n")) && (remove === 0 || text[at + remove - 1] === "\n")
    const start = startsLine ? at : text.lastIndexOf("\n", at - 1) + 1
    const next = text.indexOf("\n", at + remove)
    const end = isWhole ? at + remove : next < 0 ? text.length : next + 1
    const last = regions.at(-1)
    if (last && start <= last.end && (start < last.end || last.start === last.end || start === end)) {
      regions[regions.length - 1] = {
        start: last.start,
        end: Math.max(last.end, end),
        splices: last.splices,
      }
      last.splices.push(splice)
    } else regions.push({ start, end, splices: [splice] })
  }
  return regions
}

function linesOf(text: string): string[] {
  if (text === "") return []
  const lines = text.split("\n")
  if (lines.at(-1) === "") lines.pop()
  else lines.push(`${lines.pop() ?? ""}\n\\ No newline at end of file`)
  return lines.map((line) => line.replace(/\r$/u, ""))
}
