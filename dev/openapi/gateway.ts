/** What gateways ask: whether a call may pass, which tools to show, and that a call has ended. And RFC 8935. */
import { CODES as TABLE } from "../../src/core/denials/terms/code.ts"
import { SET_ERROR_CODES } from "../../src/core/denials/terms/set-error-code.ts"
import { SETTLE_CODES } from "../../src/core/denials/terms/settle-code.ts"
import { ACCESS_CODES, MALFORMED } from "../../src/gateway/authzen/answer.ts"
import {
  headers,
  errorAnswer,
  inPath,
  json,
  unforeseen,
  type Answer,
  type Operation,
  type Parameter,
  type Paths,
} from "./operation.ts"
import { boolean, list, integer, object, oneOf, open, openObject, ref, text, texts, type Schema } from "./schema.ts"

const CODES = Object.keys(TABLE)
const codesOf = (status: number): readonly string[] =>
  Object.entries(TABLE).flatMap(([code, { status: own }]) => (own === status ? [code] : []))

const approval = object({
  id: text(),
  name: { anyOf: [text(), { type: "null" }] },
  status: text(),
  expires_at: integer("Seconds since the epoch."),
  limited_by: text("What ends it then: `approval_life`, or what ends its task."),
  uri: text("Where programs answer it."),
  url: text("Where people answer it."),
})

const denialMembers = {
  "scope?": text("The scope that would do."),
  "approval?": ref("CallApprovalRequest"),
}
/** As clients get it that are not of an MCP server. */
function plainDenial(codes: readonly string[], members: Readonly<Record<string, Schema>> = {}): Schema {
  return object({ error: oneOf(codes), error_description: text(), "decision_id?": text(), ...members })
}

const messageId: Schema = {
  anyOf: [text(), { type: "number" }, { type: "null" }],
  description: "Null if the message has none that can be read.",
}

/** To the client of an MCP server, in JSON-RPC. */
const mcpDenial = object({
  jsonrpc: { const: "2.0" },
  id: messageId,
  error: object({ code: integer(), message: text("For the model, or for the developer."), data: ref("PlainDenial") }),
})

const structuredDenial = object(
  {
    reason: { const: "insufficient_authorization" },
    remediation: oneOf(["available", "unavailable", "undisclosed"]),
    authorizationContextId: text("The decision."),
    "remediationHints?": list(object({ type: { const: "url" } })),
  },
  "A draft of MCP, SEP-2643, with `experimental: [structured-denials]`; it may change or go without notice.",
)

/** By a gateway with `denials: mcp`. */
const mcpResult = object({
  jsonrpc: { const: "2.0" },
  id: messageId,
  result: object({
    "content?": list(object({ type: { const: "text" }, text: text("For the model.") })),
    "isError?": { const: true },
    "resultType?": oneOf(["complete", "input_required"]),
    "inputRequests?": open("The page of an approval, which the client is to show its user (MCP 2026-07-28)."),
    _meta: object({
      "narrowgate/denial": ref("PlainDenial"),
      "io.modelcontextprotocol/authorization?": structuredDenial,
    }),
  }),
})

export const gatewaySchemas = {
  CallApprovalRequest: approval,
  PlainDenial: plainDenial(CODES, denialMembers),
  McpDenial: mcpDenial,
  McpDenialResult: mcpResult,
  CallDenial: { anyOf: [ref("PlainDenial"), ref("McpDenial"), ref("McpDenialResult")] },
}

function denied(status: 400 | 401 | 403 | 404 | 429 | 503, description: string): Answer {
  // A fault that nobody foresaw has no record; below `/authz/envoy` it is a 403 too.
  const recorded =
    status === 503 || status === 403
      ? (["X-Narrowgate-Decision?", "X-Narrowgate-Code?", "X-Narrowgate-Status?"] as const)
      : (["X-Narrowgate-Decision", "X-Narrowgate-Code", "X-Narrowgate-Status"] as const)
  const challenges =
    status === 401
      ? (["WWW-Authenticate", "DPoP-Nonce?"] as const)
      : status === 403
        ? (["WWW-Authenticate?", "DPoP-Nonce?"] as const)
        : []
  const waits = status === 503 ? "Retry-After" : "Retry-After?"
  return {
    description,
    headers: headers(...recorded, ...challenges, waits, "RateLimit-Policy?", "RateLimit?"),
    content: json(
      status === 403
        ? ref("CallDenial")
        : { anyOf: [plainDenial(codesOf(status)), ref("McpDenial"), ref("McpDenialResult")] },
    ),
  }
}

const DENIALS = {
  "400": denied(400, "`malformed_call`."),
  "401": denied(401, "`missing_token`, `invalid_token`, `step_up_required`."),
  "403": denied(
    403,
    "Every other code; and, by the dialects that can pass on no other status, each code. While the approval of an `approval_required` is pending, `Retry-After` says when to ask again.",
  ),
  "404": denied(404, "`unknown_method`: the MCP server has no such method; the body is JSON-RPC's -32601."),
  "429": denied(429, "`rate_limited`."),
  "503": denied(503, "`unavailable`: nothing was decided."),
}

const kongDocument = object({
  result: object({
    allow: boolean,
    "status?": integer("Of a denial: what Kong is to answer."),
    "headers?": texts("What Kong is to set: on the call if it is allowed, else on the answer to its client."),
    "message?": ref("CallDenial"),
  }),
})

const ALLOWED: Answer = {
  description:
    "The call is allowed, without a body; each header that begins with `X-Narrowgate-` is there, and `Txn-Token`. Kong's dialect answers each call so, with a document that has these headers.",
  headers: headers(
    "X-Narrowgate-Decision?",
    "X-Narrowgate-Agent?",
    "X-Narrowgate-User?",
    "X-Narrowgate-Task?",
    "X-Narrowgate-Purpose?",
    "X-Narrowgate-Tool?",
    "X-Narrowgate-List?",
    "Txn-Token?",
    "traceparent?",
    "RateLimit-Policy?",
    "RateLimit?",
  ),
  content: json(kongDocument),
}

function authorize(operationId: string, parameters: readonly Parameter[]): Operation {
  return {
    operationId,
    tags: ["gateway"],
    summary: "Authorizes one call of an agent, with the method and the headers of the gateway's dialect.",
    description:
      "The request has the client's headers and the original method and target in the headers of the dialect. Only a 200 allows the call; it then counts in every limit.",
    security: operationId === "authorizeByPathKey" ? [] : [{ gateway: [] }],
    parameters,
    responses: { "200": ALLOWED, ...DENIALS },
    "x-any-method": true,
  }
}

const settleCodesOf = (status: number): readonly string[] =>
  Object.entries(SETTLE_CODES).flatMap(([code, own]) => (own === status ? [code] : []))

/** `unavailable` is said with the 503. */
const setErrors = Object.keys(SET_ERROR_CODES).filter((code) => code !== "unavailable")

export const gatewayPaths: Paths = {
  "/authz/envoy/{path}": {
    get: authorize("authorizeForEnvoy", [inPath("path", "The path of the call, slashes included.")]),
  },
  "/authz/forward": { get: authorize("authorize", []) },
  "/authz/forward/{key}": {
    get: authorize("authorizeByPathKey", [inPath("key", "The gateway's key, if it can set no header.")]),
  },
  "/v1/tools/filter": {
    post: {
      operationId: "filterTools",
      tags: ["gateway"],
      summary: "Leaves of a server's list of tools, resources, templates or prompts what the agent may call.",
      description:
        "The request has the agent's `Authorization` and `DPoP` headers. The list is advice: each call is decided anew.",
      security: [{ filter: [] }],
      parameters: [
        {
          name: "X-Narrowgate-Server",
          in: "header",
          required: true,
          description: "Name of the server.",
          schema: { type: "string" },
        },
      ],
      requestBody: {
        required: true,
        content: {
          ...json({
            description: "The JSON-RPC answer. Anything else is rejected; an observing gateway gets it back.",
          }),
          "text/event-stream": { schema: { type: "string", description: "The same as the server streams it." } },
        },
      },
      responses: {
        "200": {
          description:
            "The same document with that alone; to an observing gateway, and if it is the server's error, as it came. An error has no decision.",
          headers: headers("X-Narrowgate-Decision?"),
          content: {
            "application/json": { schema: {} },
            "text/event-stream": { schema: { type: "string" } },
            "*/*": { schema: {} },
          },
        },
        ...DENIALS,
      },
    },
  },
  "/v1/calls/{decision}/settle": {
    post: {
      operationId: "settleCall",
      tags: ["gateway"],
      summary: "Reports that a call which the gateway allowed has ended.",
      description:
        "For gateways with `settles: true`. Until then, or for its tool's `duration`, the call is in flight.",
      security: [{ settle: [] }],
      parameters: [inPath("decision", "`X-Narrowgate-Decision` of the answer that allowed it.")],
      requestBody: { required: true, content: json(object({ task: text("The task of the call.") })) },
      responses: {
        "200": {
          description: "The call is no longer counted as in flight.",
          content: json(object({ settled: { const: true } })),
        },
        "400": errorAnswer(400, settleCodesOf(400), "It names no decision, or no task."),
        "403": errorAnswer(
          403,
          ["unknown_gateway" satisfies keyof typeof TABLE, ...settleCodesOf(403)],
          "Nobody's key, or that of a gateway that is not registered to settle.",
          { headers: ["X-Narrowgate-Status?"] },
        ),
        "404": errorAnswer(404, settleCodesOf(404), "No such call of this gateway is in flight."),
        "503": errorAnswer(503, codesOf(503), "No bundle, or the ledger is unavailable. The gateway may retry.", {
          headers: ["X-Narrowgate-Status?"],
        }),
      },
    },
  },
  "/v1/events": {
    post: {
      operationId: "pushEvents",
      tags: ["events"],
      summary: "Receives a Security Event Token from a registered transmitter (RFC 8935).",
      description:
        "The token names its transmitter, which `streams.yaml` registers with the events that it may report and what each does.",
      security: [{}, { transmitter: [] }],
      requestBody: { required: true, content: { "application/secevent+jwt": { schema: { type: "string" } } } },
      responses: {
        "202": { description: "The event is accepted and in force.", headers: headers("X-Narrowgate-Decision") },
        "400": {
          description: "The event is rejected as a whole (RFC 8935, section 2.3).",
          headers: headers("X-Narrowgate-Decision", "Content-Language"),
          content: json(object({ err: oneOf(setErrors), description: text() })),
        },
        "503": {
          description: "It is not certain that the event is in force: send it again.",
          headers: headers("X-Narrowgate-Decision?", "Content-Language?", "Retry-After"),
          content: unforeseen.content ?? {},
        },
      },
    },
  },
}

export const accessPaths: Paths = (() => {
  const context = object(
    {
      "code?": oneOf([...CODES, MALFORMED]),
      "error_description?": text(),
      "decision_id?": text(),
      "status?": integer("Of a call: what its client is to get."),
      "headers?": texts("Of a call: what the gateway is to pass on, to the client or to the upstream."),
      "scope?": text("The scope that would do."),
      "access_request?": ref("CallApprovalRequest"),
    },
    "Why, or what to do.",
  )
  const decided = object({ decision: boolean, "context?": context })
  const failed = (status: number, codes: readonly string[], description: string): Answer => ({
    description,
    headers: headers(
      status === 503 ? "X-Narrowgate-Decision?" : "X-Narrowgate-Decision",
      "X-Narrowgate-Code?",
      "X-Request-ID?",
      ...(status === 401 ? (["WWW-Authenticate"] as const) : []),
      ...(status === 503 ? (["Retry-After"] as const) : []),
    ),
    content: json(object({ error: oneOf(codes), error_description: text(), "decision_id?": text() })),
  })
  const { malformed, forbidden } = ACCESS_CODES
  const ofGateway = "unknown_gateway" satisfies keyof typeof TABLE
  const errors = {
    "400": failed(400, [malformed], "The question is malformed."),
    "401": failed(401, [ofGateway], "No registered key."),
    "403": failed(
      403,
      [forbidden, ofGateway],
      "A gateway that asks about calls cannot search; one of another dialect asks nothing.",
    ),
    "413": failed(413, [malformed], "The body is too long, or came too late."),
    "415": failed(415, [malformed], "The body is encoded."),
    "503": failed(503, codesOf(503), "No bundle could be loaded."),
  }
  const properties = { "properties?": open("Attributes, at most 256.") }
  const entity = openObject({ type: text(), id: text(), ...properties })
  /** Of what a search looks for. */
  const kind = openObject({ type: text(), ...properties })
  const action = openObject({ name: text(), ...properties })
  const about = { "context?": open("At most 256 members.") }
  const operation = (
    operationId: string,
    summary: string,
    description: string,
    body: Readonly<Record<string, Schema>>,
    answer: Schema,
  ): { readonly post: Operation } => ({
    post: {
      operationId,
      tags: ["authzen"],
      summary,
      description,
      security: [{ accessClient: [] }],
      parameters: [{ name: "X-Request-ID", in: "header", description: "Sent back.", schema: { type: "string" } }],
      requestBody: { required: true, content: json(openObject(body)) },
      responses: {
        "200": { description: "The answer.", headers: headers("X-Request-ID?"), content: json(answer) },
        ...errors,
      },
    },
  })
  const search = (sought: string, body: Readonly<Record<string, Schema>>, results: Schema) =>
    operation(
      `search${sought}`,
      `Lists the ${sought.toLowerCase()}s that the rules permit.`,
      "For query clients, about policy alone: no grant, guardrail or ledger is asked. A page may be empty before the last.",
      {
        ...body,
        ...about,
        "page?": openObject({
          "token?": text("`next_token` of an answer."),
          "limit?": { type: "integer", minimum: 0 },
        }),
      },
      object({
        page: object({ next_token: text("Empty at the end."), count: integer() }),
        "context?": context,
        results: list(results),
      }),
    )
  const stored = object({ type: text(), id: text() })
  const fallback = { description: "For evaluations that have none of their own." }
  return {
    "/access/v1/evaluation": operation(
      "evaluate",
      "Evaluates one question.",
      "A gateway of the dialect `authzen` has one call decided, which then counts. A query client asks what the rules say, which counts nothing.",
      { subject: entity, action, resource: entity, ...about },
      decided,
    ),
    "/access/v1/evaluations": operation(
      "evaluateAll",
      "Evaluates several questions; without `evaluations` the one that it is.",
      "Each question is evaluated as a single one is; `options` may end with the first that is permitted or denied.",
      {
        "subject?": fallback,
        "action?": fallback,
        "resource?": fallback,
        "context?": fallback,
        "evaluations?": {
          description:
            "Questions as for one evaluation. One that is malformed is not decided, and no fault of the others.",
        },
        "options?": openObject({
          "evaluations_semantic?": oneOf(["execute_all", "deny_on_first_deny", "permit_on_first_permit"]),
        }),
      },
      { anyOf: [object({ evaluations: list(decided) }), decided] },
    ),
    "/access/v1/search/subject": search("Subject", { subject: kind, action, resource: entity }, stored),
    "/access/v1/search/resource": search("Resource", { subject: entity, action, resource: kind }, stored),
    "/access/v1/search/action": search(
      "Action",
      { subject: entity, "action?": { description: "Not read." }, resource: entity },
      object({ name: text() }),
    ),
  }
})()
