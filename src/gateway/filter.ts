/**
 * The door for a gateway that cuts a `tools/list` answer down to what the agent may call: who asks → about which server →
 * `list` → the same document with those tools alone. Its key has a header of its own: a request with the one that opens
 * `/authz/` is refused everywhere else (app.ts).
 */
import { boundedText } from "../bounded-text.ts"
import { readToolList, type ToolList } from "../catalog/tool-list.ts"
import { deny, isDenied, type Denial, type Denied } from "../decision.ts"
import { newId } from "../ids.ts"
import { isJsonType } from "../json.ts"
import { list, serverOf } from "../list.ts"
import { logEvent } from "../log.ts"
import { ofGateway, refusedAtEdge } from "../audit/edge-record.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { GatewayDefinition } from "../policy/bundle.ts"
import { bundleFor, type Surroundings } from "../surroundings.ts"
import { isObserved, refusedCall } from "./answer.ts"
import { refusal } from "./handle.ts"
import { MAX_BODY_BYTES } from "./present.ts"
import { identifyGateway, type Identified } from "./registry.ts"

/** @param key that the gateway presented, if any */
export async function filterTools(request: Request, key: string | null, around: Surroundings): Promise<Response> {
  const bundle = await bundleFor(around)
  if (!bundle) return refusal({ reason: "bundle_unavailable" }, around)
  const asking = identifyGateway(key, bundle.gateways)
  if (isDenied(asking)) return refusal(asking.denied, around)
  const { gateway } = asking
  try {
    return await filtered(request, asking, bundle, around)
  } catch (error) {
    logEvent("listing_failed", { gateway: gateway.id, error: String(error) })
    return refuse({ reason: "failed" }, request, gateway, bundle, around)
  }
}

const SERVER_HEADER = "X-Narrowgate-Server"

async function filtered(request: Request, asking: Identified, bundle: Bundle, around: Surroundings): Promise<Response> {
  const { gateway } = asking
  const name = request.headers.get(SERVER_HEADER)
  if (name === null)
    return refuse({ reason: "target_missing", header: SERVER_HEADER }, request, gateway, bundle, around)
  const server = serverOf(name, gateway, bundle)
  if (!server) return refuse({ reason: "tool_unknown", called: name }, request, gateway, bundle, around)
  const brought = await readBrought(request)
  if (isDenied(brought)) return refuse(brought.denied, request, gateway, bundle, around)
  const authorization = request.headers.get("authorization")
  const proof = request.headers.get("dpop")
  const asked = { ...asking, server, authorization, proof, listed: brought.tools.listed }
  const decision = await list(asked, bundle, around)
  const { id, denial, kept } = decision
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store", "X-Narrowgate-Decision": id }
  // What an observing gateway lets through anyway it need not hide.
  if (isObserved(decision)) return new Response(brought.text, { headers })
  if (denial) return refusedCall(denial, { ...decision, windows: [] }, around.config.issuer, request, asIs)
  const cut = brought.tools.keeping((tool) => kept.has(tool))
  return new Response(cut, { headers })
}

interface Brought {
  readonly text: string
  readonly tools: ToolList
}

async function readBrought(request: Request): Promise<Brought | Denied> {
  const encoding = request.headers.get("content-encoding")
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    return deny({ reason: "body_rejected", what: "it is encoded" })
  }
  if (!isJsonType(request.headers.get("content-type"))) {
    return deny({ reason: "mcp_rejected", what: "its body is not declared as JSON in UTF-8" })
  }
  const text = await boundedText(request, MAX_BODY_BYTES)
  if (text === null) return deny({ reason: "body_rejected", what: "it is too long or not UTF-8" })
  const tools = readToolList(text)
  return isDenied(tools) ? tools : { text, tools }
}

/** The gateway asks for itself here: its dialect carries nothing to a client. */
const asIs = (status: number): number => status

function refuse(
  denial: Denial,
  request: Request,
  gateway: GatewayDefinition,
  bundle: Bundle,
  around: Surroundings,
): Response {
  const id = newId("dec", around.receivedAt)
  refusedAtEdge(id, "management", denial, ofGateway(gateway, bundle), around)
  return refusedCall(denial, { id, gateway, denial, windows: [] }, around.config.issuer, request, asIs)
}
