/**
 * A registered gateway's request → `PresentedCall`: the call, the registered origin it is for, its credential and its
 * body. Denies what could be read in two ways, and believes no header but those that the dialect overwrites.
 */
import { boundedBytes, CALL_BODY_MS, textOf } from "../platform/request-body.ts"
import { MAX_EVENT_ID_LENGTH } from "../core/catalog/mcp-server.ts"
import { isOtherMethodInHeaders, METHOD_IN_HEADER } from "../core/catalog/method-override.ts"
import { readLastEventId, unforwardedBody, type Body, type CallHeaders } from "../core/catalog/call-request.ts"
import { deny, isDenied, type Denied } from "../core/denials/denial.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import { clientOf } from "../core/decision/client.ts"
import type { OriginalRequest, Endpoint } from "./dialects/dialect.ts"
import { DIALECTS } from "./dialects/dialects.ts"
import type { PresentedCall } from "./presented.ts"
import { traceIn } from "./trace.ts"
import type { IdentifiedGateway } from "./registry.ts"

/** A longer body is denied, not truncated: gateways commonly buffer 1 MiB at most. */
export const MAX_BODY_BYTES = 1_048_576
const MAX_REQUEST_ID_LENGTH = 128
const EVENT_ID_TOO_LONG = {
  reason: "target_ambiguous",
  what: "its `Last-Event-ID` is longer than 1,024 characters",
} as const
const METHOD = /^[A-Z]{1,20}$/

/** At once if there is no body to read. */
export function present(
  request: Request,
  rawTarget: string,
  endpoint: Endpoint,
  caller: IdentifiedGateway,
): PresentedCall | Denied | Promise<PresentedCall | Denied> {
  const { gateway } = caller
  const dialect = DIALECTS[gateway.dialect]
  // A key that is presented where another dialect asks could have got there by a normalised path.
  if (dialect.endpoint !== endpoint) return deny({ reason: "gateway_dialect_mismatch", expected: dialect.endpoint })
  const original = dialect.read(request, rawTarget)
  if (isDenied(original)) return original
  if (!METHOD.test(original.method)) return deny({ reason: "target_ambiguous", what: "the method is not a token" })
  if ((request.headers.get("last-event-id")?.length ?? 0) > MAX_EVENT_ID_LENGTH) return deny(EVENT_ID_TOO_LONG)
  const origin = originFor(gateway, original)
  if (origin === null) return deny({ reason: "target_ambiguous", what: "the host is none of the gateway's" })
  const body = readBody(request, gateway, original.method)
  return body instanceof Promise
    ? body.then((read) => presentedCall(request, original, origin, read, caller))
    : presentedCall(request, original, origin, body, caller)
}

function presentedCall(
  request: Request,
  original: OriginalRequest,
  origin: string,
  body: Body | Denied,
  { gateway, keyHash }: IdentifiedGateway,
): PresentedCall {
  const isOtherMethod = isOtherMethodInHeaders(original.method, request.headers)
  return {
    gateway,
    client: clientOf(gateway, request.headers),
    keyHash,
    origin,
    method: original.method,
    target: original.target,
    authorization: request.headers.get("authorization"),
    proof: request.headers.get("dpop"),
    headers: new LazyHeaders(request.headers),
    body: isDenied(body) ? { kind: "withheld" } : body,
    objection: isOtherMethod ? METHOD_IN_HEADER : isDenied(body) ? body.denied : null,
    requestId: requestIdOf(request, gateway),
    trace: traceIn(request.headers),
    ...(original.subject && { subject: original.subject }),
  }
}

/** Each header is looked up when it is read, as few calls need them. */
class LazyHeaders implements CallHeaders {
  readonly #headers: Headers

  constructor(headers: Headers) {
    this.#headers = headers
  }

  get contentType(): string | null {
    return this.#headers.get("content-type")
  }

  get mcpProtocolVersion(): string | null {
    return this.#headers.get("mcp-protocol-version")
  }

  get mcpMethod(): string | null {
    return this.#headers.get("mcp-method")
  }

  get mcpName(): string | null {
    return this.#headers.get("mcp-name")
  }

  get lastEventId(): string | null {
    return readLastEventId((name) => this.#headers.get(name))
  }
}

/** With one registered origin a Host says nothing; with several it only chooses among them. */
function originFor({ origins }: GatewayDefinition, { host, origin: claimed }: OriginalRequest): string | null {
  if (claimed !== undefined) return origins.includes(claimed) ? claimed : null
  const [only, ...others] = origins
  if (only === undefined) return null
  if (others.length === 0) return only
  return origins.find((origin) => new URL(origin).host === host) ?? null
}

function requestIdOf(request: Request, gateway: GatewayDefinition): string | null {
  const header = DIALECTS[gateway.dialect].requestIdHeader ?? gateway.request_id_header
  if (header === undefined) return null
  const id = request.headers.get(header)
  return id !== null && id.length > 0 && id.length <= MAX_REQUEST_ID_LENGTH ? id : null
}

/**
 * Rack and ASP.NET Core read a form in the body of a GET too. The gateway keeps the body and clears its length, but
 * relays what the client says of it.
 */
function isBodyTyped({ headers }: Request): boolean {
  return headers.has("content-type") || headers.has("transfer-encoding")
}

function readBody(
  request: Request,
  gateway: GatewayDefinition,
  method: string,
): Body | Denied | Promise<Body | Denied> {
  if (!gateway.body) return unforwardedBody(method, isBodyTyped(request))
  const encoding = request.headers.get("content-encoding")
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    return deny({ reason: "body_rejected", what: "it is encoded" })
  }
  return request.body === null ? { kind: "whole", text: "" } : readWholeBody(request)
}

async function readWholeBody(request: Request): Promise<Body | Denied> {
  const bytes = await boundedBytes(request, MAX_BODY_BYTES, CALL_BODY_MS)
  if (bytes === null)
    return deny({
      reason: "body_rejected",
      what: `it is longer than 1 MiB, or took more than ${CALL_BODY_MS / 1000} s`,
    })
  if (isCut(request, bytes)) return deny({ reason: "body_rejected", what: "it is shorter than its length says" })
  const text = textOf(bytes)
  return text === null ? { kind: "binary", text: new TextDecoder("latin1").decode(bytes) } : { kind: "whole", text }
}

/**
 * A gateway that sends the body in a document may send only its beginning, and the upstream the rest. A body that is
 * longer than announced has been decoded since.
 */
function isCut({ headers }: Request, bytes: Uint8Array): boolean {
  const announced = headers.get("content-length") ?? "0"
  return !/^\d+$/.test(announced) || Number(announced) > bytes.byteLength
}
