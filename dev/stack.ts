/**
 * DEVELOPMENT ONLY: the local stack. The very Worker that is deployed, in workerd, with KV and Durable Objects that
 * outlive a restart, seeded from a policy directory, beside a development identity provider.
 */
import { createHash } from "node:crypto"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { JWK } from "jose"
import { Miniflare, type MiniflareOptions } from "miniflare"
import { generatePublisherKey, type PublisherKey } from "../cli/compiler/sign.ts"
import { generateKeys, type IdentityProviderKeys, startIdentityProvider } from "./identity-provider.ts"
import { readManifest } from "./manifest.ts"
import { builtWorker } from "./built-worker.ts"
import { refuseTakenPort, relay, type Listening } from "./loopback.ts"
import type { Users } from "../cli/remote/local-stack.ts"
import { type Origins, WRITTEN_PROVIDER, WRITTEN_WORKER } from "../cli/remote/local-stack-policies.ts"
import { liveAt } from "../cli/remote/publish.ts"
import { onEdit } from "../cli/terminal/watch.ts"
import { endRuntimesWithUs } from "./watch-runtimes.ts"
import { publish, withdrawAny, type Published } from "./publisher.ts"

export interface StackOptions {
  readonly policies: string
  /** A policy directory to evaluate beside the live one (shadow mode). */
  readonly candidate?: string
  /** The Worker's; the identity provider takes the next one. */
  readonly port: number
  /** Where state is stored; absent: by policy directory and port, below `.narrowgate/`. */
  readonly state?: string
  /** Of gateways: as the policies write them → as they are here. */
  readonly origins?: Origins
  /** Workers that are bound to Narrowgate, or to one another, as they would be if deployed. */
  readonly beside?: readonly Beside[]
  /** Of the identity provider; absent: USERS. */
  readonly users?: Users
  /** Begin without what earlier starts have stored. */
  readonly fresh?: boolean
  readonly log?: (line: string) => void
}

export interface Beside {
  readonly name: string
  /** One ES module. */
  readonly script: string
  readonly vars?: Readonly<Record<string, string>>
  /** Name of a binding → the Worker that it leads to; `entrypoint` absent: its default export. */
  readonly services?: Readonly<Record<string, { readonly worker: string; readonly entrypoint?: string }>>
}

export interface Stack {
  readonly origin: string
  readonly provider: string
  readonly first: Published
  /** A file, for `narrowgate rollback --key`. */
  readonly publisherKey: string
  /** Publishes again after each edit, until the stack is closed. */
  readonly follow: (onPublished: (directory: string, published: Published) => void) => void
  /** Runs the Worker's scheduled probe, now; in a deployment a Cron Trigger does. */
  readonly probe: () => Promise<void>
  /** Runs it at intervals, until the stack is closed. */
  readonly keepProbing: () => void
  /** Sends a request to one of the Workers beside it, as if it had been called at that URL. */
  readonly fetchBeside: (name: string, url: string, init?: RequestInit) => Promise<Response>
  /** Starts the runtime anew on what it has stored, with a clock that is ahead of this machine's by so much. */
  readonly restart: (clockAheadMs?: number) => Promise<void>
  /** What KV has, which a drill puts back as it was. */
  readonly keyValues: () => Promise<KeyValues>
  readonly close: () => Promise<void>
}

export interface KeyValues {
  readonly get: (key: string) => Promise<string | null>
  readonly put: (key: string, value: string) => Promise<void>
}

/** The directory does not check; its problems say why. */
export class PoliciesRefused extends Error {
  readonly directory: string
  readonly published: Published
  constructor(directory: string, published: Published) {
    super("the policies do not check")
    this.directory = directory
    this.published = published
  }
}

export async function startStack(options: StackOptions): Promise<Stack> {
  for (const port of [options.port, options.port + 1])
    await refuseTakenPort(port, `choose another one, such as --port ${port + 10}`)
  const policies = resolve(options.policies)
  const state = options.state ?? defaultState(policies, options.port)
  if (options.fresh) await rm(state, { recursive: true, force: true })
  await mkdir(state, { recursive: true })
  // There are private keys in it.
  if (options.state === undefined) await writeFile(resolve(STATE, ".gitignore"), "*\n")
  const { publisher, provider: keys } = await keysIn(state)
  const origin = `http://127.0.0.1:${options.port}`
  const script = await builtWorker("release", join(state, "build"))
  let provider: Listening | undefined
  let worker: Miniflare | undefined
  let door: Listening | undefined
  const close = async (): Promise<void> => {
    await door?.close()
    await worker?.dispose()
    await provider?.close()
  }
  try {
    const { log, users } = options
    const optional = { ...(log && { log }), ...(users && { users }) }
    provider = await startIdentityProvider({ port: options.port + 1, audience: origin, keys, ...optional })
    const optionsOf = await workerOptions(script, options, state, origin, publisher.publicJwk)
    endRuntimesWithUs()
    // On a port that nobody knows, to which the stack's port leads once the directory is published: what the state had
    // before decides nothing, and the isolate stays, with the records that it has yet to send.
    const running = (worker = new Miniflare(optionsOf(0)))
    const { origin: hidden } = await running.ready
    const origins = new Map([...(options.origins ?? []), [WRITTEN_WORKER, origin], [WRITTEN_PROVIDER, provider.origin]])
    const to = { url: hidden, audience: origin, key: publisher.privateJwk, origins }
    const again = async (): Promise<Published> => publish(policies, to)
    const first = await again()
    if (!first.pointer) throw new PoliciesRefused(options.policies, first)
    const tried = options.candidate === undefined ? undefined : resolve(options.candidate)
    const tryAgain = async (directory: string): Promise<Published> => publish(directory, to, "candidate")
    if (tried === undefined) await withdrawAny(to)
    else {
      const candidate = await tryAgain(tried)
      if (!candidate.pointer) throw new PoliciesRefused(tried, candidate)
    }
    while (((await liveAt(hidden))?.seq ?? 0) < first.pointer.seq) await sleep(LOOK_EVERY_MS)
    door = await relay(options.port, async () => Number((await running.ready).port))
    const stopped = new AbortController()
    const probe = async (): Promise<void> => {
      const own: unknown = await running.getWorker(NAME)
      if (!isScheduled(own)) throw new Error("the local Worker has no scheduled handler")
      await own.scheduled()
    }
    return {
      origin,
      provider: provider.origin,
      first,
      publisherKey: join(state, PUBLISHER_FILE),
      follow(onPublished) {
        void onEdit(policies, stopped.signal, async () => onPublished(policies, await again()))
        if (tried === undefined) return
        void onEdit(tried, stopped.signal, async () => onPublished(tried, await tryAgain(tried)))
      },
      probe,
      keepProbing() {
        void repeat(probe, PROBE_EVERY_MS, stopped.signal)
      },
      async fetchBeside(name, url, init) {
        const other: unknown = await running.getWorker(name)
        if (!isFetcher(other)) throw new Error(`no Worker ${name} beside the local one`)
        return other.fetch(url, { redirect: "manual", ...init })
      },
      async restart(clockAheadMs = 0) {
        await running.setOptions(optionsOf(clockAheadMs))
      },
      async keyValues() {
        const namespace: unknown = await running.getKVNamespace("BUNDLES", NAME)
        if (!isKeyValues(namespace)) throw new Error("the local Worker has no KV namespace")
        return namespace
      },
      async close() {
        stopped.abort()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Until what is published decides. */
const LOOK_EVERY_MS = 50

/** More often than in a deployment: nobody who tries it should have to wait. */
const PROBE_EVERY_MS = 15_000

async function repeat(work: () => Promise<void>, every: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // A failed run is in the Worker's own log.
    await work().catch(() => undefined)
    await sleep(every, undefined, { signal }).catch(() => undefined)
  }
}

/**
 * The parts of a Worker's fetcher that are needed; its declared type is the Workers runtime's, which Node's type check
 * does not know.
 */
function isScheduled(value: unknown): value is { readonly scheduled: () => Promise<unknown> } {
  return typeof value === "object" && value !== null && "scheduled" in value
}

function isFetcher(value: unknown): value is { readonly fetch: typeof fetch } {
  // A proxy, which claims to have no member.
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "fetch") === "function"
}

function isKeyValues(value: unknown): value is KeyValues {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "put") === "function"
}

/** Grows with each change of what the Durable Objects store: a stack never meets state that it would misread. */
const STATE_FORMAT = 6

/** Of all stacks that were started here. */
const STATE = ".narrowgate"

function defaultState(policies: string, port: number): string {
  const name = createHash("sha256").update(`${STATE_FORMAT}\n${policies}\n${port}`).digest("hex").slice(0, 12)
  return resolve(STATE, name)
}

interface Keys {
  readonly publisher: PublisherKey
  readonly provider: IdentityProviderKeys
}

/** Stored, so that tokens and bundles outlive a restart. Readable by their owner only. */
async function keysIn(state: string): Promise<Keys> {
  const file = join(state, "keys.json")
  const keys = await readKeys(file)
  await writeFile(file, JSON.stringify(keys), { mode: 0o600 })
  await writeFile(join(state, PUBLISHER_FILE), JSON.stringify(keys.publisher.privateJwk), { mode: 0o600 })
  return keys
}

const PUBLISHER_FILE = "publisher.jwk"

async function readKeys(file: string): Promise<Keys> {
  try {
    const keys: Keys = JSON.parse(await readFile(file, "utf8"))
    return keys
  } catch {
    return { publisher: await generatePublisherKey(), provider: await generateKeys() }
  }
}

/** Its name for the Workers beside it. */
export const NAME = "narrowgate"

/** @returns the options of a runtime whose clock is ahead by so many milliseconds */
async function workerOptions(
  script: string,
  { beside = [] }: StackOptions,
  state: string,
  origin: string,
  publisher: JWK,
): Promise<(clockAheadMs: number) => MiniflareOptions> {
  const text = (value: string): { type: "text"; value: string } => ({ type: "text", value })
  const { compatibilityDate, durableObjects } = await readManifest()
  const bindings = durableObjects.map(
    ({ binding, className: exportName }) => [binding, { type: "durable-object", worker: NAME, exportName }] as const,
  )
  const contents = await readFile(script, "utf8")
  return (clockAheadMs) => ({
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: join(state, "worker"),
    logRequests: false,
    workers: [
      {
        config: {
          name: NAME,
          compatibilityDate,
          manifest: {
            mainModule: "index.js",
            modules: { "index.js": { type: "esm", contents: wrongClock(clockAheadMs) + contents } },
          },
          env: {
            ISSUER: text(origin),
            PUBLISHER_KEYS: text(JSON.stringify({ keys: [publisher] })),
            LOCAL: text("true"),
            // As a deployed Worker has it as a secret: without it no notification is sent.
            WEBHOOK_SECRETS: text(process.env["WEBHOOK_SECRETS"] ?? "{}"),
            SINK_SECRETS: text(process.env["SINK_SECRETS"] ?? "{}"),
            BUNDLES: { type: "kv", id: "bundles" },
            ...Object.fromEntries(bindings),
          },
          exports: Object.fromEntries(
            durableObjects.map(({ className }) => [className, { type: "durable-object", storage: "sqlite" }] as const),
          ),
        },
      },
      ...beside.map(({ name, script: contents, vars = {}, services = {} }) => ({
        config: {
          name,
          compatibilityDate,
          manifest: { mainModule: "index.js", modules: { "index.js": { type: "esm" as const, contents } } },
          env: {
            ...Object.fromEntries(Object.entries(vars).map(([binding, value]) => [binding, text(value)] as const)),
            ...Object.fromEntries(
              Object.entries(services).map(
                ([binding, { worker: to, entrypoint }]) =>
                  [
                    binding,
                    {
                      type: "worker" as const,
                      worker: to,
                      ...(entrypoint !== undefined && { exportName: entrypoint }),
                    },
                  ] as const,
              ),
            ),
          },
        },
      })),
    ],
  })
}

/** What makes the Worker's clock wrong, in front of its code. */
function wrongClock(aheadMs: number): string {
  if (aheadMs === 0) return ""
  return `const RightDate = Date
globalThis.Date = class extends RightDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RightDate.now() + ${aheadMs}] : given))
  }
  static now() {
    return RightDate.now() + ${aheadMs}
  }
}
`
}
