/**
 * Backups of a deployment that runs. Its objects are many databases that refer to one another, so all of them are copied
 * at one moment: workerd stands still while its files are copied, and they are what an end of the process at that moment
 * would leave. Whatever was answered before is in them; requests of those milliseconds wait. This process does it, and not
 * the command, because a guard kills workerd if this process is gone: nothing can leave it standing.
 */
import { once } from "node:events"
import { constants } from "node:fs"
import { copyFile, mkdir, readdir, readFile, rm } from "node:fs/promises"
import { createConnection, createServer, type Socket } from "node:net"
import { isAbsolute, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { OBJECTS, SOCKET, type Directory } from "./directory.ts"
import { log } from "./log.ts"

/** A gateway waits for seconds: what takes longer is to be copied while nothing runs. */
const STANDS_AT_MOST_MS = 5_000
const STANDS_WITHIN_MS = 1_000
const SENT_WITHIN_MS = 10_000

const answerSchema = z.union([
  z.object({ takenAt: z.number(), stoodMs: z.number() }),
  z.object({ problem: z.string() }),
])
export type BackupAnswer = z.infer<typeof answerSchema>

export interface Backups extends AsyncDisposable {
  close(): Promise<void>
}

/**
 * @param pid of workerd
 * @param mostMs that it stands still
 */
export async function takeBackups(
  directory: Pick<Directory, "path" | "objects">,
  pid: number,
  mostMs = STANDS_AT_MOST_MS,
): Promise<Backups> {
  const path = join(directory.path, SOCKET)
  // Of a process that was killed.
  await rm(path, { force: true })
  let turn: Promise<unknown> = Promise.resolve()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    turn = turn.then(async () => answer(socket, directory.objects, pid, mostMs)).catch(() => undefined)
  })
  const umask = process.umask(0o077)
  server.listen(path)
  await once(server, "listening").finally(() => process.umask(umask))
  const close = async (): Promise<void> => {
    server.close()
    await turn
  }
  return { close, [Symbol.asyncDispose]: close }
}

async function answer(socket: Socket, objects: string, pid: number, mostMs: number): Promise<void> {
  let result: BackupAnswer
  // The command may be gone.
  socket.on("error", () => undefined).setTimeout(SENT_WITHIN_MS, () => socket.destroy())
  try {
    result = await copyStanding(objects, await receive(socket), pid, mostMs)
    log("backup_taken", { stood_ms: result.stoodMs })
  } catch (error) {
    result = { problem: error instanceof Error ? error.message : String(error) }
    log("backup_failed", { error: result.problem })
  }
  socket.end(JSON.stringify(result))
}

async function copyStanding(
  objects: string,
  to: string,
  pid: number,
  mostMs: number,
): Promise<{ readonly takenAt: number; readonly stoodMs: number }> {
  // The command has made it. Of one that was cut off, the path may be incomplete.
  if (!isAbsolute(to) || (await readdir(to)).length > 0) throw new Error("the directory for the copy is not empty")
  const begun = performance.now()
  process.kill(pid, "SIGSTOP")
  // However long the copying takes, no longer than this.
  let isLate = false
  const goOn = (): void => {
    try {
      process.kill(pid, "SIGCONT")
    } catch {
      // It has ended meanwhile.
    }
  }
  const late = setTimeout(() => {
    isLate = true
    goOn()
  }, mostMs)
  try {
    await untilStanding(pid, () => isLate)
    const takenAt = Date.now()
    await copyObjects(objects, to, () => isLate)
    if (isLate) throw new Error(TOO_LARGE)
    return { takenAt, stoodMs: Math.round(performance.now() - begun) }
  } finally {
    clearTimeout(late)
    goOn()
  }
}

const TOO_LARGE =
  "copying takes longer than a gateway waits: stop `narrowgate serve`, back up, and start it, or have its directory on a file system that clones files (XFS, Btrfs, APFS)"

/** The system answers before each of its threads stands. Returns, too, once it is late, and the process goes on. */
async function untilStanding(pid: number, isLate: () => boolean): Promise<void> {
  if (process.platform !== "linux") return sleep(100)
  for (const until = performance.now() + STANDS_WITHIN_MS; performance.now() < until; await sleep(1)) {
    const tasks = await readdir(`/proc/${pid}/task`)
    const states = await Promise.all(
      tasks.map(async (task) => /\) (\S)/.exec(await readFile(`/proc/${pid}/task/${task}/stat`, "utf8"))?.[1]),
    )
    if (isLate() || states.every((state) => state === "T")) return
  }
  throw new Error("workerd does not stand still")
}

/** Indexes of write-ahead logs are made anew from them. */
const isCopied = (name: string): boolean => !name.endsWith("-shm")

/** Two levels: classes, and files of their objects. Another command may remove `to` meanwhile: it is not made again. */
export async function copyObjects(from: string, to: string, isLate = (): boolean => false): Promise<void> {
  await mkdir(join(to, OBJECTS))
  for (const className of await readdir(from)) {
    const names = (await readdir(join(from, className))).filter(isCopied)
    await mkdir(join(to, OBJECTS, className))
    for (const name of names) {
      if (isLate()) return
      await copyFile(join(from, className, name), join(to, OBJECTS, className, name), constants.COPYFILE_FICLONE)
    }
  }
}

/**
 * Has the process that runs copy its objects into this directory.
 * @returns null if none runs
 */
export async function requestBackup(directory: string, to: string): Promise<BackupAnswer | null> {
  const socket = createConnection({ path: join(directory, SOCKET), allowHalfOpen: true })
  try {
    await once(socket, "connect")
  } catch {
    return null
  }
  socket.end(to)
  const response = await receive(socket)
  return response === ""
    ? { problem: "narrowgate serve has ended meanwhile" }
    : answerSchema.parse(JSON.parse(response))
}

/** All that the other end sends; this end may answer then. */
async function receive(socket: Socket): Promise<string> {
  let text = ""
  socket.setEncoding("utf8").on("data", (part: string) => (text += part))
  await new Promise((done) => socket.once("end", done).once("close", done))
  return text
}
