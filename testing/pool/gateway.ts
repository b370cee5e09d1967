/** A gateway without a port, for an agent under test in workerd: a `fetch` that asks Narrowgate as that gateway asks. */
import { denial, restatedStatus, statedBy, toUpstream } from "../../dev/gateway/headers.ts"
import { decisionOf } from "../kit/decision.ts"
import { NarrowgateTestError } from "../kit/error.ts"
import type { Kit } from "../kit/kit.ts"
import type { GatewayCall, PoolGateway, PoolNarrowgate } from "../types.ts"

export function poolGateway(
  kit: Kit,
  gateway: ReturnType<Kit["gatewayOf"]>,
  upstream: Parameters<PoolNarrowgate["gateway"]>[1],
): PoolGateway {
  const calls: GatewayCall[] = []
  const decided = async (request: Request): Promise<Response> => {
    const { origin, pathname, search } = new URL(request.url)
    const { method } = request
    const [target, headers] = [pathname + search, Object.fromEntries(request.headers)]
    const body = await textOf(request)
    const answer = await kit.ask(gateway, { origin, method, target, headers, body })
    const decision = decisionOf(answer)
    calls.push({ method, target, ...decision })
    kit.noteCall(headers["authorization"] ?? "", decision.id)
    if (!decision.allowed) return denialOf(answer)
    const passed = toUpstream(Object.entries(headers), statedBy(Object.entries(answer.headers)), false)
    return upstream(new Request(request.url, { method, headers: Object.fromEntries(passed), body }))
  }
  const by: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    if (origin === new URL(kit.url).origin) return narrowgate(kit, request)
    if (gateway.origins.includes(origin)) return decided(request)
    throw new NarrowgateTestError(
      "unknown_name",
      `${origin} is neither Narrowgate, ${kit.url}, nor an origin of \`${gateway.id}\`, ${gateway.origins.join(", ")}`,
    )
  }
  return { fetch: by, calls: () => [...calls] }
}

async function narrowgate(kit: Kit, request: Request): Promise<Response> {
  const { method, url, headers } = request
  const body = await textOf(request)
  const sent = {
    method,
    headers: Object.fromEntries(headers),
    ...(body !== null && { body }),
    redirect: "manual",
  } as const
  const answer = await kit.fetch(url, sent)
  const lines: [string, string][] = []
  answer.headers.forEach((value, name) => void lines.push([name, value]))
  return new Response(await answer.text(), { status: answer.status, headers: lines })
}

/** Without the warning of workerd about a body that does not say that it is text. */
async function textOf(request: Request): Promise<string | null> {
  return request.body === null ? null : new TextDecoder().decode(await request.arrayBuffer())
}

/** What the client gets. */
function denialOf({ status, headers, body }: Awaited<ReturnType<Kit["ask"]>>): Response {
  const answer = Object.entries(headers)
  return new Response(body, { status: restatedStatus(answer) ?? status, headers: Object.fromEntries(denial(answer)) })
}
