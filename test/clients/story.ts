/** What each client goes through, column by column. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { denialOf } from "../../client/index.ts"
import type { Column, Kind, Line, Outcome, Row, Session } from "./row.ts"
import { ASKED, CLOSED, DOCUMENT, PROMPT, type World } from "./world.ts"

/** What a column says of a client for which all is well; anything else is what the client said. */
export const WORKS = "works"

const WORKING = new RegExp(`^${WORKS}$`, "u")

/**
 * @param seen what was seen in each column
 * @returns the columns where that is something else than the row says
 */
export function surprises<Of extends string>(
  { misses }: Line<Of>,
  seen: (column: Of) => string,
  columns: Iterable<Of>,
): readonly (readonly [Of, string])[] {
  const differs = (column: Of): boolean => !(misses[column]?.says ?? WORKING).test(seen(column))
  return [...columns].filter(differs).map((column) => [column, seen(column)])
}

export async function live(row: Row, world: World): Promise<Readonly<Record<Column, string>>> {
  const home = await mkdtemp(join(tmpdir(), "narrowgate-client-"))
  try {
    return await liveAt(home, row, world)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function liveAt(home: string, row: Row, world: World): Promise<Readonly<Record<Column, string>>> {
  /** Until somebody is to look, nobody does. */
  let look = async (): Promise<boolean> => false
  const visit = async (url: string): Promise<boolean> => url.startsWith(`${world.stack.origin}/console/`) && look()
  const order = { client: row.name, server: `${world.origin}/desk/mcp`, user: "alice", home, visit }
  let session: Session | undefined
  const anew = async (): Promise<void> => {
    await session?.close()
    session = undefined
    session = await row.start(world, order)
  }
  const call = async (tool: string, args: Readonly<Record<string, string>>): Promise<Outcome> =>
    (await session?.call(tool, args).catch(failure)) ?? { failed: true, text: "there is no session" }
  const search = async (): Promise<string> => {
    const { failed, text } = await call("search", { query: "printer" })
    return !failed && text.includes('"tickets"') ? WORKS : text
  }
  /** After a session that has ended, as its user would begin another. */
  const recovered = async (): Promise<void> => {
    if ((await search()) !== WORKS) await anew().catch(() => undefined)
  }
  try {
    const begun = await anew().then(search, ({ message }: Error) => message)
    if (begun !== WORKS) return everywhere(begun)
    const { text: why } = await call("read-ticket", { ticket: CLOSED })
    const survives = await search()
    await recovered()
    // A program that has nothing but what this client shows, such as the message of an error, understands it.
    const told = await denialOf(new Error(why))
    const asked = await call("read-ticket", { ticket: ASKED })
    const page = (await denialOf(new Error(asked.text)))?.approval?.url
    const approved = await world.approve(row.name).then(
      async () => (await call("read-ticket", { ticket: ASKED })).text,
      ({ message }: Error) => `${asked.text}; ${message}`,
    )
    await recovered()
    look = async () => world.approve(row.name).then(() => true)
    const { text: shown } = await call("read-ticket", { ticket: ASKED })
    look = async () => false
    await recovered()
    const sent = await call("send-mail", { to: "ada@example.com", subject: "Your printer" })
    await session?.close()
    session = await row.start(world, { ...order, server: `${world.origin}/everything/mcp` }).catch(() => undefined)
    const listed = [await offered(session, "resources"), await offered(session, "prompts")]
    return {
      call: begun,
      survives,
      why: told?.code === "policy_denied" ? WORKS : why,
      approval: approved.includes("on fire") && page !== undefined ? WORKS : `${approved}; ${asked.text}`,
      dialog: shown.includes("on fire") ? WORKS : shown,
      stepUp: sent.text.includes('"sent"') || sent.text.includes('\\"sent\\"') ? WORKS : sent.text,
      lists: listed.find((each) => each !== WORKS) ?? WORKS,
    }
  } finally {
    await session?.close()
  }
}

const everywhere = (text: string): Readonly<Record<Column, string>> => ({
  call: text,
  survives: text,
  why: text,
  approval: text,
  dialog: text,
  stepUp: text,
  lists: text,
})

/** One that is known to be there, and what it says. */
const KNOWN: Readonly<Record<Kind, readonly [name: string, says: string]>> = {
  resources: [DOCUMENT, "Everything Server"],
  prompts: [PROMPT, "This is a simple prompt without arguments."],
}

async function offered(session: Session | undefined, what: Kind): Promise<string> {
  const [name, says] = KNOWN[what]
  const listed = (await session?.list(what).catch(failure)) ?? { failed: true, text: "there is no session" }
  if (listed.failed || !listed.text.includes(name)) return listed.text || "nothing is listed"
  const got = await session?.get(what, name).catch(failure)
  return got?.failed === false && got.text.includes(says) ? WORKS : `${name}: ${got?.text}`
}

const failure = (error: unknown): Outcome => ({ failed: true, text: String(error) })
