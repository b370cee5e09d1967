/** Who is logged in at which Worker: a file in the user's configuration, readable by them alone. */
import { mkdir, readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { dirname, isAbsolute, join } from "node:path"
import { z } from "zod"
import { writeWhole } from "../whole-file.ts"

const session = z.object({
  issuer: z.string(),
  client: z.string(),
  scope: z.string(),
  accessToken: z.string(),
  /** Milliseconds. */
  expiresAt: z.number(),
  refreshToken: z.string().optional(),
})
export type Session = z.infer<typeof session>
/** By origin of the Worker. */
const sessions = z.record(z.string(), session)

function file(): string {
  const set = process.env["XDG_CONFIG_HOME"] ?? ""
  // One that is empty or relative is to be ignored (XDG Base Directory Specification).
  const base = isAbsolute(set) ? set : join(homedir(), ".config")
  return join(base, "narrowgate", "sessions.json")
}

async function readAll(): Promise<Record<string, Session>> {
  try {
    return sessions.parse(JSON.parse(await readFile(file(), "utf8")))
  } catch {
    // One that is not there, or of another version: nobody is logged in.
    return {}
  }
}

export async function sessionAt(url: string): Promise<Session | null> {
  const all = await readAll()
  const { origin } = new URL(url)
  return Object.hasOwn(all, origin) ? (all[origin] ?? null) : null
}

/** @param kept null: nobody is logged in there any more */
export async function keepSession(url: string, kept: Session | null): Promise<void> {
  const { origin } = new URL(url)
  const others = Object.entries(await readAll()).filter(([name]) => name !== origin)
  const all = Object.fromEntries(kept ? [...others, [origin, kept]] : others)
  const path = file()
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeWhole(path, `${JSON.stringify(all, null, 2)}\n`, 0o600)
}
