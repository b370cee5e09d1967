/** What the process and its databases take, while it runs. */
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Workerd } from "../../bench/servers/workerd.ts"

export interface Sample {
  /** Milliseconds. */
  readonly at: number
  /** Resident memory of the process, bytes, and what of it is the Worker's own heap: after a collection of garbage. */
  readonly memory: number
  readonly heap: number
  /** Bytes of pages in use by class of object, and how many objects. */
  readonly databases: Readonly<Record<string, { readonly bytes: number; readonly objects: number }>>
  /** Rows by class and table. */
  readonly rows: Readonly<Record<string, number>>
}

export async function sampleOf({ pid, inspector, directory }: Workerd): Promise<Sample> {
  const heap = await collectGarbage(inspector ?? 0)
  const rows: Record<string, number> = {}
  const databases: Record<string, { bytes: number; objects: number }> = {}
  const root = join(directory, "objects")
  for (const className of existsSync(root) ? readdirSync(root) : []) {
    const files = readdirSync(join(root, className)).filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file))
    const sum = (databases[className] = { bytes: 0, objects: files.length })
    for (const file of files) sum.bytes += measure(join(root, className, file), className, rows)
  }
  return { at: Date.now(), memory: residentBytes(pid), heap, databases, rows }
}

/**
 * By the inspector's protocol: what is garbage says nothing, and V8 leaves it for as long as it likes.
 * @returns bytes in use
 */
async function collectGarbage(inspector: number): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${inspector}/main`)
  await once(socket, "open", { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) })
  const ask = async (id: number, method: string): Promise<string> => {
    socket.send(JSON.stringify({ id, method }))
    for (;;) {
      const [event]: MessageEvent[] = await once(socket, "message", { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) })
      const text = String(event?.data)
      // Others are events that nobody asked for.
      if (JSON.parse(text).id === id) return text
    }
  }
  await ask(1, "HeapProfiler.enable")
  await ask(2, "HeapProfiler.collectGarbage")
  const { result }: { readonly result: { readonly usedSize: number } } = JSON.parse(
    await ask(3, "Runtime.getHeapUsage"),
  )
  socket.close()
  return result.usedSize
}

/** A collection waits for the Worker, which has calls to answer. */
const ANSWERS_WITHIN_MS = 30_000

/** Linux alone says so. */
function residentBytes(pid: number): number {
  const [, kilobytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
  return Number(kilobytes) * 1024
}

/** One that its process is just opening, or closing, is locked for a moment. */
const LOCKED_MS = 10_000

/** Pages in use, not those that wait to be used again, nor the log before it. */
function measure(path: string, className: string, rows: Record<string, number>): number {
  using database = new DatabaseSync(path, { readOnly: true, timeout: LOCKED_MS })
  const number = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0])
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  for (const { name } of tables) {
    const key = `${className}.${String(name)}`
    rows[key] = (rows[key] ?? 0) + number(`SELECT count(*) FROM "${String(name)}"`)
  }
  return (number("PRAGMA page_count") - number("PRAGMA freelist_count")) * number("PRAGMA page_size")
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** By how much the values have risen from their beginning to their end, by the line that fits them best. */
export function riseOf(points: readonly (readonly [x: number, y: number])[]): number {
  const count = points.length
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / count
  const [x, y] = [mean(0), mean(1)]
  const [over, under] = points.reduce(([a, b], [px, py]) => [a + (px - x) * (py - y), b + (px - x) ** 2], [0, 0])
  const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0]
  return under === 0 ? 0 : (over / under) * (last - first)
}
