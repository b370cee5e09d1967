/**
 * From a checked-out directory to a Worker that decides, step by step. A step that is done already does nothing. So if
 * a step fails, the user follows its message and starts again.
 */
import { z } from "zod"
import { EXIT, Failure } from "../../cli/terminal/failure.ts"
import { fileOf, namespaceTitleOf, workerOf, type Settings } from "./settings.ts"

/** Everything outside of this process. */
export interface Outside {
  /** @returns what it wrote to stdout; fails with its error message */
  readonly wrangler: (args: readonly string[]) => Promise<string>
  /** `narrowgate publish`, to the end. */
  readonly publish: () => Promise<void>
  /** Null if there is no answer. */
  readonly fetchJson: (url: string) => Promise<unknown>
  readonly writeConfiguration: (settings: Settings) => Promise<void>
  readonly pause: (milliseconds: number) => Promise<void>
  readonly say: (line: string) => void
}

export interface Wanted {
  readonly settings: Settings
  /** Of the bundle that is to decide. */
  readonly digest: string
  /** Names of the secrets that its policies need. */
  readonly secrets: readonly string[]
  /** Names of the R2 buckets that its sinks write to. */
  readonly buckets: readonly string[]
}

interface Step {
  /** For a person, before it is done. */
  readonly description: (wanted: Wanted) => string
  readonly run: (wanted: Wanted, outside: Outside) => Promise<Wanted | undefined>
}

/** Five minutes in all, until a certificate is issued and a name resolves. */
const MAX_LOOKS = 60
const LOOK_EVERY_MS = 5_000

export const STEPS: readonly Step[] = [
  {
    description: ({ settings }) =>
      settings.namespace === null
        ? `KV namespace: find ${namespaceTitleOf(settings)}, or make it; its id goes into ${fileOf(settings.environment)}`
        : `KV namespace: ${settings.namespace} is in ${fileOf(settings.environment)}`,
    async run(wanted, { wrangler, writeConfiguration }) {
      const { settings } = wanted
      if (settings.namespace !== null) return undefined
      const title = namespaceTitleOf(settings)
      const find = async (): Promise<string | undefined> =>
        parsed(namespaces, await wrangler(["kv", "namespace", "list"])).find((each) => each.title === title)?.id
      let namespace = await find()
      if (namespace === undefined) {
        await wrangler(["kv", "namespace", "create", title])
        namespace = await find()
      }
      if (namespace === undefined) throw new Failure(`${title} was made and is not there`, "Look at the account's KV.")
      const found = { ...settings, namespace }
      await writeConfiguration(found)
      return { ...wanted, settings: found }
    },
  },
  {
    description: ({ buckets }) => `R2 buckets: ${buckets.length === 0 ? "the policies name none" : buckets.join(", ")}`,
    async run({ settings: { jurisdiction }, buckets }, { wrangler }) {
      const where = jurisdiction === "" ? [] : ["--jurisdiction", jurisdiction]
      for (const bucket of buckets) {
        try {
          await wrangler(["r2", "bucket", "info", bucket, "--json", ...where])
        } catch (error) {
          const create = ["npx wrangler r2 bucket create", bucket, ...where].join(" ")
          const why = error instanceof Error ? error.message : String(error)
          throw new Failure(`the R2 bucket ${bucket} was not found: ${why}`, `${create}; then begin again.`)
        }
      }
      return undefined
    },
  },
  {
    description: ({ settings }) => `deploy ${workerOf(settings)} to ${settings.host}`,
    async run(_, { wrangler }) {
      await wrangler(["deploy"])
      return undefined
    },
  },
  {
    description: ({ secrets }) => `secrets: ${secrets.length === 0 ? "the policies name none" : secrets.join(", ")}`,
    async run({ settings, secrets }, { wrangler }) {
      if (secrets.length === 0) return undefined
      const there = new Set(parsed(named, await wrangler(["secret", "list"])).map(({ name }) => name))
      const missing = secrets.filter((name) => !there.has(name))
      if (missing.length === 0) return undefined
      const commands = missing.map((name) => `npx wrangler secret put ${name} --config ${fileOf(settings.environment)}`)
      throw new Failure(`the Worker has no ${missing.join(", ")}`, `${commands.join("; ")}; then begin again.`)
    },
  },
  {
    description: ({ settings }) => `https://${settings.host}: it answers, and by that name`,
    async run({ settings: { host } }, { fetchJson, pause }) {
      const isAlive = async (): Promise<boolean> => health.safeParse(await fetchJson(`https://${host}/healthz`)).success
      for (let looks = 1; !(await isAlive()); looks++) {
        if (looks === MAX_LOOKS) {
          const fix = "See that its zone is on this account, and that nothing else has the name; then begin again."
          throw new Failure(`nothing of ours answers at ${host}`, fix, EXIT.unreachable)
        }
        await pause(LOOK_EVERY_MS)
      }
      const metadata = issued.safeParse(await fetchJson(`https://${host}/.well-known/oauth-authorization-server`))
      if (metadata.success && metadata.data.issuer === `https://${host}`) return undefined
      throw new Failure(`${host} is not what it calls itself`, "ISSUER has to be https:// and its host name.")
    },
  },
  {
    description: ({ digest }) => `publish bundle ${digest.slice(0, 12)}`,
    async run({ settings: { host }, digest }, { publish, fetchJson, say }) {
      if ((await deciding(host, fetchJson)) === digest) say("    it decides already")
      else await publish()
      return undefined
    },
  },
  {
    description: ({ settings }) => `https://${settings.host}/readyz: it decides by that bundle`,
    async run({ settings: { host }, digest }, { fetchJson }) {
      const live = await deciding(host, fetchJson)
      if (live === digest) return undefined
      const fix = "Another publisher may have published meanwhile: narrowgate history."
      throw new Failure(`${host} decides by ${live === null ? "nothing" : live.slice(0, 12)}`, fix)
    },
  },
]

/** @param isDry reports what would be done, and does nothing */
export async function deploy(wanted: Wanted, outside: Outside, isDry: boolean): Promise<void> {
  let now = wanted
  for (const [index, { description, run }] of STEPS.entries()) {
    outside.say(`${isDry ? "would " : ""}${index + 1}/${STEPS.length} ${description(now)}`)
    if (!isDry) now = (await run(now, outside)) ?? now
  }
}

async function deciding(host: string, fetchJson: Outside["fetchJson"]): Promise<string | null> {
  const ready = readiness.safeParse(await fetchJson(`https://${host}/readyz`))
  return ready.success ? ready.data.bundle.digest : null
}

const namespaces = z.array(z.object({ id: z.string(), title: z.string() }))
const named = z.array(z.object({ name: z.string() }))
const health = z.object({ status: z.literal("alive") })
const issued = z.object({ issuer: z.string() })
const readiness = z.object({ bundle: z.object({ digest: z.string() }) })

/** Wrangler may print text before its JSON. */
function parsed<Output>(schema: z.ZodType<Output>, text: string): Output {
  const start = text.indexOf("[")
  try {
    return schema.parse(JSON.parse(text.slice(Math.max(0, start))))
  } catch {
    throw new Failure(
      `wrangler answered otherwise than is known: ${text.slice(0, 200)}`,
      "See that it is the pinned one: npm ci.",
    )
  }
}
