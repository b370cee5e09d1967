/** Narrowgate in miniflare, in the process of a test: a Worker on a port that is free, which ends with that process. */
import { randomUUID } from "node:crypto"
import { createRequire } from "node:module"
import type * as Miniflare from "miniflare"
import { requireGlibc, withPackages } from "../cli/package.ts"
import { Failure } from "../cli/terminal/failure.ts"
import { NarrowgateTestError } from "./kit/error.ts"
import { connect } from "./kit/kit.ts"
import { refuseUnknown } from "./kit/options.ts"
import type { Setup, TestKitBinding } from "./kit/setup.ts"
import type {
  GatewayOptions,
  HttpResponse,
  RequestOptions,
  TestGateway,
  TestNarrowgate,
  TestPolicies,
} from "./types.ts"
import { definitionOf } from "./definition.ts"
import { configuredRuntime, endRuntimesWithUs } from "../dev/watch-runtimes.ts"

export interface StartOptions extends TestPolicies {
  /**
   * Your own Workers beside it, as the option `workers` of miniflare takes them. They may be bound to the Worker
   * `narrowgate`, whose entry point `Authorizer` decides calls.
   */
  readonly workers?: readonly OwnWorker[]
  /** Receives what the Workers log. Absent: nobody does. */
  readonly log?: (line: string) => void
}

/** By its name and its script; `serviceBindings` binds it to others. */
export interface OwnWorker {
  readonly name: string
  readonly [option: string]: unknown
}

const NAME = "narrowgate"
const DRIVER = "narrowgate-test-driver"

/**
 * Passes what a test calls on to the entry point for tests: if the request is for the secret URL, because miniflare lets
 * a header of any request name the Worker that gets it.
 */
const DRIVER_SCRIPT = `export default {
  async fetch(request, { KIT, OWN_URL }) {
    if (request.url !== OWN_URL) return new Response(null, { status: 404 })
    const { method, args } = await request.json()
    return Response.json({ value: await KIT[method](...args) })
  },
}`

export interface RunningNarrowgate extends TestNarrowgate {
  /** Sends a request to one of the `workers`, as if it had been called at that URL. */
  fetchWorker(name: string, url: string, init?: RequestOptions): Promise<HttpResponse>
  /** Starts a gateway of gateways.yaml: an HTTP proxy on a free port, through which an agent under test makes its calls. */
  gateway(id: string, options: GatewayOptions): Promise<TestGateway>
}

const START: Readonly<Record<keyof Required<StartOptions>, true>> = {
  policies: true,
  files: true,
  users: true,
  workers: true,
  log: true,
}

export async function startNarrowgate(options: StartOptions): Promise<RunningNarrowgate> {
  refuseUnknown("`startNarrowgate`", options, START)
  const { workers = [], log, ...policies } = options
  const { Miniflare, convertV4MiniflareOptions, V4WorkerOptionsSchema } = await loadMiniflare()
  const narrowgate = await definitionOf(NAME, null)
  endRuntimesWithUs()
  // A secret of this process: no other request leads to the entry point for tests.
  const driverUrl = `http://${randomUUID()}.invalid/`
  const driver = {
    name: DRIVER,
    routes: [driverUrl],
    modules: [{ type: "ESModule" as const, path: "driver.js", contents: DRIVER_SCRIPT }],
    compatibilityDate: narrowgate.compatibilityDate,
    bindings: { OWN_URL: driverUrl },
    serviceBindings: { KIT: { name: NAME, entrypoint: "TestKit" } },
  }
  const beside = workers.map((worker) => {
    const isWorker = (value: object): value is Miniflare.V4WorkerOptions =>
      V4WorkerOptionsSchema.safeParse(value).success
    if (isWorker(worker)) return worker
    throw new NarrowgateTestError("invalid_argument", `\`workers\`: ${worker.name} is no Worker of miniflare`)
  })
  const configured = configuredRuntime()
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      logRequests: false,
      telemetry: { enabled: false },
      handleStructuredLogs: ({ message }: { readonly message: string }) => log?.(message),
      workers: [{ ...narrowgate }, driver, ...beside],
    }),
  )
  let stopped: Promise<void> | undefined
  const gateways: TestGateway[] = []
  const end = async (): Promise<void> => {
    await Promise.all(gateways.map(async (gateway) => gateway.stop()))
    await runtime.dispose()
  }
  const stop = async (): Promise<void> => (stopped ??= end())
  try {
    await Promise.race([configured, runtime.ready])
    // The runtime starts, which is as long as this takes.
    const { setupOf } = await import("./policies.ts")
    const setup = await setupOf(policies)
    const issuer = (await runtime.ready).origin
    const requireRunning = (): void => {
      if (stopped) throw new NarrowgateTestError("stopped", "this Narrowgate has been stopped")
    }
    const send = async (body: string): Promise<HttpResponse> => {
      requireRunning()
      return runtime.dispatchFetch(driverUrl, { method: "POST", body })
    }
    const kit = await connect(bindingBy(send, { ...setup, issuer }), stop)
    return Object.assign(kit, {
      gateway: async (id: string, options: GatewayOptions) => {
        requireRunning()
        const { servers } = setup.policies
        const context = {
          gateway: kit.gatewayOf(id),
          servers,
          narrowgate: issuer,
          key: kit.gatewayKey(id),
          noteCall: kit.noteCall.bind(kit),
          now: async () => kit.clock.now(),
        }
        const { listeningGateway } = await import("./gateway.ts")
        const gateway = await listeningGateway(context, options)
        gateways.push(gateway)
        return gateway
      },
      fetchWorker: async (name: string, to: string, init?: RequestOptions) => {
        requireRunning()
        const worker: unknown = await runtime.getWorker(name)
        if (!isFetcher(worker))
          throw new NarrowgateTestError("unknown_name", `there is no Worker \`${name}\` beside it`)
        return worker.fetch(to, { redirect: "manual", ...init })
      },
    })
  } catch (error) {
    await stop()
    throw error
  }
}

/** Not every user of the package has need of it. It is required, because an import would parse all of it twice before. */
async function loadMiniflare(): Promise<typeof Miniflare> {
  const load = async (): Promise<typeof Miniflare> => createRequire(import.meta.url)("miniflare")
  try {
    requireGlibc()
    return await withPackages(load, ["miniflare"])
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new NarrowgateTestError("runtime_missing", `${error.message}. ${error.fix}`)
  }
}

/** Requests go to the port, as those of agents and gateways do; the rest to the entry point for tests. */
function bindingBy(send: (body: string) => Promise<HttpResponse>, setup: Setup): TestKitBinding {
  const ask = async (method: string, ...args: readonly unknown[]) => {
    const response = await send(JSON.stringify({ method, args }))
    if (response.status !== 200) throw new NarrowgateTestError("unexpected_answer", await response.text())
    const answer: { readonly value: never } = JSON.parse(await response.text())
    return answer.value
  }
  return {
    fetch: async (url, init) => fetch(url, init),
    facts: async () => ask("facts", setup),
    now: async () => ask("now"),
    advance: async (milliseconds) => ask("advance", milliseconds),
    records: async (task, ids) => ask("records", task, ids),
    authorize: async (call) => ask("authorize", call),
  }
}

function isFetcher(value: unknown): value is { readonly fetch: typeof fetch } {
  // A proxy, which claims to have no member.
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "fetch") === "function"
}
