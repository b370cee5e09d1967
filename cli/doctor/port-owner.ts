/** Which process listens on a port of this machine, as Linux reports it: no other program is needed. */
import { readdir, readFile, readlink } from "node:fs/promises"
import { basename } from "node:path"

export interface Owner {
  readonly pid: number
  readonly name: string
}

/** State of a listening socket (Linux, include/net/tcp_states.h). */
const LISTEN = "0A"

/** Null if the system does not say: it is not Linux, or the process is another user's. */
export async function ownerOf(port: number): Promise<Owner | null> {
  const sockets = new Set((await Promise.all(["tcp", "tcp6"].map(async (table) => listening(table, port)))).flat())
  if (sockets.size === 0) return null
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/u.test(name))
  for (const pid of pids) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const file of files) {
      if (!sockets.has(await readlink(`/proc/${pid}/fd/${file}`).catch(() => ""))) continue
      // Not its arguments, which may be secrets.
      const [program = ""] = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0")
      return { pid: Number(pid), name: basename(program) }
    }
  }
  return null
}

/** The sockets that listen on a port, as links of open files name them (proc(5), /proc/net/tcp). */
async function listening(table: string, port: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/net/${table}`, "utf8").catch(() => "")
  const hex = port.toString(16).toUpperCase().padStart(4, "0")
  return text.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/u)
    return local.endsWith(`:${hex}`) && state === LISTEN ? [`socket:[${inode}]`] : []
  })
}
