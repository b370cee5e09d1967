/** What gateways ask: whether a call may pass, which tools to show, and that a call has ended. And RFC 8935. */
import { CODES as TABLE } from "../../src/core/denials/terms/code.ts"
import { headers, errorAnswer, json, type Answer, type Operation, type Parameter, type Paths } from "./operation.ts"
import { boolean, list, number, object, oneOf, open, ref, text, type Schema } from "./schema.ts"

const CODES = Object.keys(TABLE)

const approval = object({
  id: text(),
  name: { type: ["string", "null"] },
  status: text(),
  expires_at: number("Milliseconds since the epoch."),
  uri: text("Where programs answer it."),
  url: text("Where people answer it."),
})

const denialMembers = {
  "scope?": text("The scope that would do."),
  "approval?": approval,
}
/** To the client of an MCP server, in JSON-RPC. */
const rpcError = object({
  jsonrpc: { const: "2.0" },
  id: { type: ["string", "number", "null"] },
  error: object({
    code: number(),
    message: text(),
    data: object({ error: oneOf(CODES), decision_id: text(), ...denialMembers }),
  }),
})
const denial: Schema = {
  anyOf: [
    object({ error: oneOf(CODES), error_description: text(), "decision_id?": text(), ...denialMembers }),
    rpcError,
  ],
}

export const gatewaySchemas = { CallDenial: denial }

const denied = (description: string): Answer => ({
  description,
  headers: headers(
    "X-Narrowgate-Decision",
    "X-Narrowgate-Code",
    "X-Narrowgate-Status",
    "WWW-Authenticate",
    "DPoP-Nonce",
    "Retry-After",
    "RateLimit-Policy",
    "RateLimit",
  ),
  content: json(ref("CallDenial")),
})

const DENIALS = {
  "400": denied("`malformed_call`."),
  "401": denied("`missing_token`, `invalid_token`, `step_up_required`."),
  "403": denied("Every other code; and, by the dialects that can pass on no other status, each code."),
  "429": denied("`rate_limited`."),
  "503": denied("`unavailable`: nothing was decided."),
}

const kongDocument = object({
  result: object({ allow: boolean, "status?": number(), "headers?": open(), "message?": {} }),
})

const ALLOWED: Answer = {
  description: "The call is allowed. Kong's dialect answers each call so, with a document.",
  headers: headers(
    "X-Narrowgate-Decision",
    "X-Narrowgate-Agent",
    "X-Narrowgate-User",
    "X-Narrowgate-Task",
    "X-Narrowgate-Purpose",
    "X-Narrowgate-Tool",
    "Txn-Token",
    "RateLimit-Policy",
    "RateLimit",
  ),
  content: json(kongDocument),
}

function authorize(operationId: string, parameters: readonly Parameter[]): Operation {
  return {
    operationId,
    tags: ["gateway"],
    summary: "Authorizes one call of an agent, with the method and the headers of the gateway's dialect.",
    security: operationId === "authorizeByPathKey" ? [] : [{ gateway: [] }],
    parameters,
    responses: { "200": ALLOWED, ...DENIALS },
    "x-any-method": true,
  }
}

const inPath = (name: string, description: string): Parameter => ({
  name,
  in: "path",
  required: true,
  description,
  schema: { type: "string" },
})

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
      summary: "Leaves those tools of a `tools/list` answer that the agent may call.",
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
      requestBody: { required: true, content: json(open("The JSON-RPC answer.")) },
      responses: {
        "200": {
          description: "The same document with those tools alone; to an observing gateway, as it came.",
          headers: headers("X-Narrowgate-Decision"),
          content: { "application/json": { schema: {} }, "*/*": { schema: {} } },
        },
        ...DENIALS,
      },
    },
  },
  "/v1/calls/{decision}/settle": {
    post: {
      operationId: "settleCall",
      tags: ["gateway"],
      summary: "Says that a call which the gateway let through has ended.",
      security: [{ settle: [] }],
      parameters: [inPath("decision", "`X-Narrowgate-Decision` of the answer that let it through.")],
      requestBody: { required: true, content: json(object({ task: text("The task of the call.") })) },
      responses: {
        "200": { description: "It counts no longer.", content: json(object({ settled: { const: true } })) },
        "400": errorAnswer(400, ["invalid_request"], "It names no decision, or no task."),
        "403": errorAnswer(
          403,
          ["unknown_gateway", "unsettling_gateway"],
          "Nobody's key, or that of a gateway that is not registered to settle.",
        ),
        "404": errorAnswer(404, ["not_found"], "No such call of this gateway is in flight."),
        "503": errorAnswer(503, ["unavailable"], "No bundle, or the ledger is unavailable: ask again."),
      },
    },
  },
  "/v1/events": {
    post: {
      operationId: "pushEvents",
      tags: ["events"],
      summary: "Receives a Security Event Token from a registered transmitter (RFC 8935).",
      security: [{}, { transmitter: [] }],
      requestBody: { required: true, content: { "application/secevent+jwt": { schema: { type: "string" } } } },
      responses: {
        "202": { description: "It is accepted, and holds.", headers: headers("X-Narrowgate-Decision") },
        "400": {
          description: "It is refused as a whole (RFC 8935, section 2.3).",
          headers: headers("X-Narrowgate-Decision", "Content-Language"),
          content: json(object({ err: text(), description: text() })),
        },
        "503": {
          description: "It is not certain that it holds: send it again.",
          headers: headers("X-Narrowgate-Decision", "Retry-After"),
          content: json(object({ error: { const: "unavailable" }, error_description: text() })),
        },
      },
    },
  },
}

export const accessPaths: Paths = (() => {
  const context = open("Why, or what to do.")
  const decided = object({ decision: boolean, "context?": context })
  const failed = (description: string): Answer => ({
    description,
    headers: headers("X-Narrowgate-Decision", "X-Request-ID"),
    content: json(object({ error: text(), error_description: text(), "decision_id?": text() })),
  })
  const errors = {
    "400": failed("The question is malformed."),
    "401": failed("No registered key."),
    "403": failed("A gateway that asks about calls cannot search."),
    "413": failed("The body is too long, or came too late."),
    "415": failed("The body is encoded."),
    "503": failed("No bundle could be loaded."),
  }
  const entity = open("`type`, `id`, `properties`.")
  const question = { subject: entity, action: open("`name`, `properties`."), resource: entity }
  const optional = Object.fromEntries(Object.entries(question).map(([name, schema]) => [`${name}?`, schema]))
  const operation = (
    operationId: string,
    summary: string,
    body: Schema,
    answer: Schema,
  ): { readonly post: Operation } => ({
    post: {
      operationId,
      tags: ["authzen"],
      summary,
      security: [{ accessClient: [] }],
      requestBody: { required: true, content: json({ ...body, additionalProperties: true }) },
      responses: {
        "200": {
          description: "The answer.",
          headers: headers("X-Request-ID"),
          content: json(answer),
        },
        ...errors,
      },
    },
  })
  const found = (results: Schema): Schema =>
    object({ page: object({ next_token: text(), count: number() }), "context?": context, results: list(results) })
  const search = (sought: string, results: Schema) =>
    operation(
      `search${sought}`,
      `Lists the ${sought.toLowerCase()}s that the rules permit.`,
      object(optional),
      found(results),
    )
  const stored = object({ type: text(), id: text() })
  return {
    "/access/v1/evaluation": operation(
      "evaluate",
      "Evaluates one question.",
      object({ ...question, "context?": open() }),
      decided,
    ),
    "/access/v1/evaluations": operation(
      "evaluateAll",
      "Evaluates several questions; without `evaluations` the one that it is.",
      object({ ...optional, "context?": open(), "evaluations?": list(open()), "options?": open() }),
      { anyOf: [object({ evaluations: list(decided) }), decided] },
    ),
    "/access/v1/search/subject": search("Subject", stored),
    "/access/v1/search/resource": search("Resource", stored),
    "/access/v1/search/action": search("Action", object({ name: text() })),
  }
})()
