/** A program of this folder: it gets calls by its input, one a line, and prints a line for each. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { z } from "zod"
import { endWithUs, stop } from "../../dev/loopback.ts"
import type { Order, Outcome, Session } from "./row.ts"

const outcome = z.object({
  failed: z.boolean(),
  text: z.string(),
  meta: z.record(z.string(), z.unknown()).optional(),
})
/** A page that the program shows its user during a call; it gets a line that says whether they have been there. */
const shown = z.object({ page: z.string() })

export interface ProgramOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly visit: Order["visit"]
}

export function startProgram({ command, args, env = {}, cwd, visit }: ProgramOptions): Session {
  const child = spawn(command, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  })
  endWithUs(child)
  let complaint = ""
  child.stderr.setEncoding("utf8").on("data", (said: string) => {
    complaint = (complaint + said).slice(-4_000)
  })
  // Of one that has ended.
  child.stdin.on("error", () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const tell = (what: unknown): void => void child.stdin.write(`${JSON.stringify(what)}\n`)
  const ask = async (question: object): Promise<Outcome> => {
    tell(question)
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) return { failed: true, text: `the program has ended: ${complaint}` }
      if (value.startsWith('{"page":')) tell(await visit(shown.parse(JSON.parse(value)).page))
      if (value.startsWith('{"failed":')) return outcome.parse(JSON.parse(value))
    }
  }
  return {
    call: async (tool, args) => ask({ tool, arguments: args }),
    list: async (what) => ask({ list: what }),
    get: async (what, name) => ask({ get: what, name }),
    close: async () => stop(child),
  }
}
