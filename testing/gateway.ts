/**
 * A gateway of the policies that listens, for an agent under test: it asks as that gateway asks, passes on what is
 * allowed, and answers what is denied itself.
 */
import { startGateway, type GatewayRoute } from "../dev/gateway.ts"
import { isStandIn, SENDS_BODY, type Verdict } from "../dev/gateway/ask.ts"
import { first } from "../dev/gateway/headers.ts"
import { suggest } from "../src/core/encoding/nearest.ts"
import type { GatewayDefinition } from "../src/core/policy/definition/gateways.ts"
import { decisionOf } from "./kit/decision.ts"
import { NarrowgateTestError } from "./kit/error.ts"
import { refuseUnknown, type Members } from "./kit/options.ts"
import type { GatewayResponse, PolicyParts } from "./kit/setup.ts"
import type { GatewayCall, GatewayOptions, TestGateway } from "./types.ts"

const OPTIONS: Members<GatewayOptions> = { upstream: true, servers: true, origin: true, port: true }

interface GatewayContext {
  readonly gateway: Pick<GatewayDefinition, "id" | "dialect" | "origins">
  readonly servers: PolicyParts["servers"]
  /** Narrowgate's URL. */
  readonly narrowgate: string
  readonly key: string
  /** Called with each call, before the client has its answer. */
  readonly noteCall: (authorization: string, decision: string) => void
  /** Narrowgate's time. */
  readonly now: () => Promise<Date>
}

export async function listeningGateway(
  { gateway, servers, narrowgate, key, noteCall, now }: GatewayContext,
  options: GatewayOptions,
): Promise<TestGateway> {
  refuseUnknown("a gateway", options, OPTIONS)
  const { id, dialect } = gateway
  if (!isStandIn(dialect)) {
    const dialects = Object.keys(SENDS_BODY).join(", ")
    throw new NarrowgateTestError(
      "invalid_argument",
      `nothing stands in for a gateway of dialect ${dialect}. Give \`${id}\` one of ${dialects}, by \`files\`.`,
    )
  }
  const { origin = gateway.origins[0] ?? "", upstream, port = 0 } = options
  requireOneOf(gateway.origins, origin, `the gateway \`${id}\` of gateways.yaml has no origin`)
  const urls = [...(upstream === undefined ? [] : [upstream]), ...Object.values(options.servers ?? {})]
  if (urls.length === 0)
    throw new NarrowgateTestError("invalid_argument", "behind a gateway is something: give `upstream`, or `servers`")
  for (const url of urls) requireUrl(url)
  const behind = servers.filter((server) => server.origin === origin)
  const calls: GatewayCall[] = []
  const listening = await startGateway({
    id,
    port,
    publicOrigin: origin,
    now,
    authorizer: { origin: narrowgate, key, dialect },
    routes: [...(upstream === undefined ? [] : [{ prefix: "", upstream }]), ...routesTo(behind, options)],
    observe({ method, target, headers }, verdict) {
      const call = { method, target, ...decisionOf(responseOf(verdict)) }
      calls.push(call)
      noteCall(first(headers, "authorization") ?? "", call.id)
    },
  })
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => (stopped ??= listening.close())
  return { url: listening.origin, calls: () => [...calls], stop, [Symbol.asyncDispose]: stop }
}

/** Each MCP server is a route of its own, because its lists are cut down to what the agent may call. */
function routesTo(behind: PolicyParts["servers"], { upstream, servers = {} }: GatewayOptions): readonly GatewayRoute[] {
  const names = behind.map(({ name }) => name)
  for (const name of Object.keys(servers)) requireOneOf(names, name, "behind this gateway is no MCP server")
  return behind.flatMap(({ name, path }) => {
    const to = servers[name] ?? (upstream === undefined ? undefined : upstream.replace(/\/$/u, "") + path)
    return to === undefined ? [] : [{ prefix: path, upstream: to, server: name }]
  })
}

function requireOneOf(names: readonly string[], name: string, missing: string): void {
  if (names.includes(name)) return
  throw new NarrowgateTestError("unknown_name", `${missing} \`${name}\`. ${suggest(name, names, "Look there.")}`)
}

function requireUrl(text: string): void {
  if (/^https?:$/u.test(URL.parse(text)?.protocol ?? "")) return
  throw new NarrowgateTestError("invalid_argument", `behind a gateway is an http(s) URL, not ${JSON.stringify(text)}`)
}

function responseOf(verdict: Verdict): GatewayResponse {
  const { status, headers, body } = verdict.allowed
    ? { status: 200, headers: verdict.stated, body: new Uint8Array() }
    : verdict
  const lowerCase = headers.map(([name, value]) => [name.toLowerCase(), value] as const)
  return { status, headers: Object.fromEntries(lowerCase), body: new TextDecoder().decode(body) }
}
