/** The sessions with each Worker: a file in the user's configuration, readable by that user alone. */
import { mkdir, readFile, stat } from "node:fs/promises"
import { homedir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"
import { z } from "zod"
import { EXIT, Failure } from "../terminal/failure.ts"
import { writeWhole } from "../terminal/atomic-write.ts"

const session = z.object({
  issuer: z.string(),
  client: z.string(),
  scope: z.string(),
  accessToken: z.string(),
  /** Milliseconds since the epoch. */
  expiresAt: z.number(),
  refreshToken: z.string().optional(),
})
export type Session = z.infer<typeof session>
/** By origin of the Worker. */
const sessions = z.record(z.string(), session)

function file(): string {
  const set = process.env["XDG_CONFIG_HOME"] ?? ""
  // An empty or relative value is to be ignored (XDG Base Directory Specification).
  const base = isAbsolute(set) ? set : join(homedir(), ".config")
  return join(base, "narrowgate", "sessions.json")
}

/** A user with write access to the directory could place their own session there, or a link to where they can read. */
async function refuseShared(directory: string): Promise<void> {
  // Windows has no such modes.
  if (process.platform === "win32") return
  const found = await stat(directory).catch(() => null)
  if (found === null || (found.mode & 0o022) === 0) return
  throw new Failure(`others may write in ${directory}`, `Make it yours alone: chmod 700 ${directory}`, EXIT.usage)
}

async function readAll(): Promise<Record<string, Session>> {
  await refuseShared(dirname(file()))
  try {
    return sessions.parse(JSON.parse(await readFile(file(), "utf8")))
  } catch {
    // If the file does not exist, or has another version, nobody is logged in.
    return {}
  }
}

export async function sessionAt(url: string): Promise<Session | null> {
  const all = await readAll()
  const { origin } = new URL(url)
  return Object.hasOwn(all, origin) ? (all[origin] ?? null) : null
}

/** @param session null removes the session */
export async function keepSession(url: string, session: Session | null): Promise<void> {
  const { origin } = new URL(url)
  const path = file()
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const others = Object.entries(await readAll()).filter(([name]) => name !== origin)
  const all = Object.fromEntries(session ? [...others, [origin, session]] : others)
  await writeWhole(path, `${JSON.stringify(all, null, 2)}\n`, 0o600)
}
