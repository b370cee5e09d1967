/**
 * The Worker on one machine: that of the release as it is, with what Cloudflare has and workerd has not. workerd finds
 * the release under the name by which it is imported here (serve/workerd-config.ts).
 */
import release from "../../src/index.ts"
import { clientAddress, HEADER } from "./client-address.ts"
import { counted } from "./control.ts"
import type { ServeEnv } from "./environment.ts"

export * from "../../src/index.ts"
export { control } from "./control.ts"
export { bundles, Entries } from "./entries.ts"
export { Schedule } from "./schedule.ts"

/** Paths that need no address: they answer gateways, whose calls are not to cost more. */
const WITHOUT_ADDRESS = /^\/(?:authz|access|v1)\//

export default {
  fetch: async (request, env, ctx) =>
    namesHost(request)
      ? counted(async () => release.fetch(addressed(request, env), env, ctx))
      : Response.json(NO_HOST, { status: 400 }),
} satisfies ExportedHandler<ServeEnv>

const HOST = /^(?:[\w.-]+|\[[\dA-Fa-f:.]+\])(?::\d+)?$/
const NO_HOST = { error: "invalid_request", error_description: "The header `Host` names no host." }

/**
 * workerd makes the URL of the header and the path, whatever is in the header: before anything reads the URL it has to be
 * a name, or the path would be another than the requested one.
 */
function namesHost({ headers, url }: Request): boolean {
  return HOST.test(headers.get("Host") ?? "") && URL.canParse(url)
}

function addressed(request: Request, env: ServeEnv): Request {
  if (WITHOUT_ADDRESS.test(new URL(request.url).pathname)) return request
  const address = clientAddress(peerOf(request), request.headers.get("X-Forwarded-For"), trustedProxies(env))
  if (address === null) return request
  const headers = new Headers(request.headers)
  headers.set(HEADER, address)
  return new Request(request, { headers })
}

function peerOf({ cf }: Request): string | undefined {
  const peer: unknown = cf === undefined ? undefined : Reflect.get(cf, "clientIp")
  return typeof peer === "string" ? peer : undefined
}

let proxies: ReadonlySet<string> | undefined

function trustedProxies({ TRUSTED_PROXIES }: ServeEnv): ReadonlySet<string> {
  return (proxies ??= new Set(JSON.parse(TRUSTED_PROXIES)))
}
