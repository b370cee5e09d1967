/**
 * What clients send, and what comes of it: the same through every gateway, but for what its row says. An outcome is
 * `allowed`, the status and code of a refusal by Narrowgate, or the status alone of one by the gateway itself.
 */
import type { Tokens } from "./stage.ts"
import type { Sent } from "./wire.ts"

export type Outcome = string

export interface Case {
  readonly name: string
  readonly sent: (tokens: Tokens) => Sent | Promise<Sent>
  readonly expected: Outcome
  /** Where the gateway carries no bodies. */
  readonly unseen?: Outcome
  /** Where it gives an MCP client the status that Narrowgate states. */
  readonly mcp?: Outcome
  /** The target at the upstream, where it is not the one that was sent. */
  readonly arrives?: string
}

type Header = readonly [name: string, value: string]

const TICKET = "/crm/tickets/42"
const CUSTOMER = "/crm/customers/7"
const bearer = (token: string): Header => ["Authorization", `Bearer ${token}`]

/** A GET with a token for tickets. */
const reading =
  (target: string, ...headers: readonly Header[]): Case["sent"] =>
  ({ reading: token }) => ({ target, headers: [bearer(token), ...headers] })

const CALLS: readonly Case[] = [
  { name: "a call within the grant", sent: reading(`${TICKET}?full=1`), expected: "allowed" },
  { name: "no token", sent: () => ({ target: TICKET }), expected: "401 missing_token" },
  {
    name: "a token that is none",
    sent: () => ({ target: TICKET, headers: [bearer("nonsense")] }),
    expected: "401 invalid_token",
  },
  { name: "outside the grant", sent: reading(CUSTOMER), expected: "403 insufficient_scope" },
  { name: "what a rule forbids", sent: reading("/crm/export"), expected: "403 policy_denied" },
  { name: "what no catalog knows", sent: reading("/crm/nothing"), expected: "403 unknown_tool" },
  { name: "what fits into a window", sent: reading("/crm/once"), expected: "allowed" },
  { name: "what a window is too full for", sent: reading("/crm/once"), expected: "429 rate_limited" },
  {
    name: "a bound call",
    sent: async ({ bound }) => proven(bound.token, await bound.prove("GET", TICKET)),
    expected: "allowed",
  },
  { name: "a bound call without a proof", sent: ({ bound }) => proven(bound.token), expected: "401 invalid_token" },
  {
    name: "a bound call with a proof for another path",
    sent: async ({ bound }) => proven(bound.token, await bound.prove("GET", CUSTOMER)),
    expected: "401 invalid_token",
  },
]

function proven(token: string, proof?: string): Sent {
  const headers: Header[] = [["Authorization", `DPoP ${token}`]]
  if (proof !== undefined) headers.push(["DPoP", proof])
  return { target: TICKET, headers }
}

const PREFLIGHT: readonly Header[] = [
  ["Origin", "https://app.example"],
  ["Access-Control-Request-Method", "GET"],
  ["Access-Control-Request-Headers", "authorization"],
]
/** Passes where the entry in gateways.yaml says so, and else needs a token as any call. */
/** Where no tool is called by OPTIONS. */
export const preflight: Sent = { method: "OPTIONS", target: CUSTOMER, headers: PREFLIGHT }

const withMethod =
  (method: string, target = TICKET): Case["sent"] =>
  ({ reading: token }) => ({ method, target, headers: [bearer(token)] })

const METHODS: readonly Case[] = [
  { name: "HEAD", sent: withMethod("HEAD"), expected: "allowed" },
  { name: "HEAD without a token", sent: () => ({ method: "HEAD", target: TICKET }), expected: "401 missing_token" },
  { name: "OPTIONS", sent: withMethod("OPTIONS"), expected: "allowed" },
  { name: "a preflight", sent: () => preflight, expected: "401 missing_token" },
  ...["PUT", "PATCH", "DELETE"].map((method) => ({ name: method, sent: withMethod(method), expected: "allowed" })),
  { name: "POST where only GET is known", sent: withMethod("POST"), expected: "403 unknown_tool" },
  { name: "PROPFIND", sent: withMethod("PROPFIND"), expected: "403 unknown_tool" },
  { name: "TRACE", sent: withMethod("TRACE"), expected: "403 unknown_tool" },
  { name: "a method that nobody knows", sent: withMethod("FOO"), expected: "403 unknown_tool" },
  { name: "a method in small letters", sent: withMethod("get"), expected: "400" },
]

/** Who a client says it is; and what else only Narrowgate or the gateway may say. */
const CLAIMED = [
  ...["Agent", "User", "Task", "Purpose", "Tool", "Decision", "Code", "Status", "Key", "Original-Path"].map(
    (name) => `X-Narrowgate-${name}`,
  ),
  "Txn-Token",
]
const claimed = (spell: (name: string) => string): readonly Header[] => CLAIMED.map((name) => [spell(name), "evil"])

/** Where other gateways say what is asked about. */
const ELSEWHERE: readonly Header[] = [
  ["X-Forwarded-Uri", TICKET],
  ["X-Forwarded-Method", "GET"],
  ["X-Forwarded-Host", "evil.example"],
  ["X-Forwarded-Prefix", TICKET],
  ["X-Forwarded-Port", "1"],
  ["X-Forwarded-Proto", "https"],
  ["X-Original-URI", TICKET],
  ["X-Original-URL", `https://api.example${TICKET}`],
  ["X-Original-Method", "GET"],
  ["X-Original-Host", "evil.example"],
  ["X-Rewrite-URL", TICKET],
  ["X-Envoy-Original-Path", TICKET],
  ["X-Narrowgate-Original-Path", TICKET],
  ["X-Narrowgate-Target", TICKET],
]

const CLAIMS: readonly Case[] = [
  { name: "claimed identity", sent: reading(TICKET, ...claimed((name) => name)), expected: "allowed" },
  {
    name: "claimed identity with underscores",
    sent: reading(TICKET, ...claimed((name) => name.replaceAll("-", "_"))),
    expected: "allowed",
  },
  {
    name: "claimed identity with full stops",
    sent: reading(TICKET, ...claimed((name) => name.replaceAll("-", "."))),
    expected: "allowed",
  },
  {
    name: "claimed identity with both",
    sent: reading(TICKET, ["X-Narrowgate_Agent", "evil"], ["X_Narrowgate.Agent", "evil"]),
    expected: "allowed",
  },
  {
    name: "claimed identity in capitals",
    sent: reading(TICKET, ...claimed((name) => name.toUpperCase())),
    expected: "allowed",
  },
  {
    name: "identity to be stripped on the way",
    sent: reading(TICKET, ["Connection", "close, X-Narrowgate-Agent, X-Narrowgate-Task, X-Narrowgate-Decision"]),
    expected: "allowed",
  },
  {
    name: "what is asked about to be stripped on the way",
    sent: reading(CUSTOMER, [
      "Connection",
      "close, X-Forwarded-Uri, X-Original-URI, X-Original-Method, X-Narrowgate-Original-Path, X-Narrowgate-Key",
    ]),
    expected: "403 insufficient_scope",
  },
  {
    name: "a token to be stripped on the way",
    sent: reading(TICKET, ["Connection", "close, Authorization"]),
    expected: "allowed",
  },
  { name: "another target claimed", sent: reading(CUSTOMER, ...ELSEWHERE), expected: "403 insufficient_scope" },
  {
    name: "another method claimed",
    sent: ({ reading: token }) => ({
      method: "POST",
      target: TICKET,
      headers: [bearer(token), ...ELSEWHERE],
    }),
    expected: "403 unknown_tool",
  },
  { name: "an own request id", sent: reading(TICKET, ["X-Request-Id", "evil"]), expected: "allowed" },
  {
    name: "a health check that is none",
    sent: () => ({ target: TICKET, headers: [["User-Agent", "kube-probe/1.31 GoogleHC/1.0 ELB-HealthChecker/2.0"]] }),
    expected: "401 missing_token",
  },
  {
    name: "two tokens",
    sent: ({ reading: token }) => ({ target: TICKET, headers: [bearer(token), bearer("other")] }),
    expected: "401 invalid_token",
  },
  {
    name: "two proofs",
    sent: async ({ bound }) => {
      const [one, other] = [await bound.prove("GET", TICKET), await bound.prove("GET", TICKET)]
      const { target, headers = [] } = proven(bound.token, one)
      return { target, headers: [...headers, ["DPoP", other]] }
    },
    expected: "401 invalid_token",
  },
  { name: "another host", sent: reading(TICKET, ["Host", "evil.example"]), expected: "421" },
  { name: "two hosts", sent: reading(TICKET, ["Host", "api.example, evil.example"]), expected: "400" },
  { name: "two Host lines", sent: reading(TICKET, ["Host", "api.example"], ["Host", "evil.example"]), expected: "400" },
  { name: "another host in the target", sent: reading(`http://evil.example${TICKET}`), expected: "421" },
  {
    name: "our host in the target",
    sent: reading(`http://api.example${TICKET}`),
    expected: "allowed",
    arrives: TICKET,
  },
  {
    name: "our host in the target, another in Host",
    sent: reading(`http://api.example${TICKET}`, ["Host", "evil.example"]),
    expected: "allowed",
    arrives: TICKET,
  },
]

/** What could be read in two ways is refused, or else arrives as it was judged. */
const TARGETS: readonly Case[] = [
  ["a dot segment", "/crm/x/../tickets/42"],
  ["a dot segment that means nothing", "/crm/./tickets/42"],
  ["an encoded dot segment", "/crm/x/%2e%2e/tickets/42"],
  ["a half-encoded dot segment", "/crm/x/.%2E/tickets/42"],
  ["dot segments above the root", "/../../../crm/tickets/42"],
  ["dot segments out of the authorizer's path", "/crm/../../../healthz"],
  ["a doubled slash", "/crm//tickets/42"],
  ["a doubled slash in front", "//crm/tickets/42"],
  ["an encoded slash", "/crm%2ftickets/42"],
  ["an encoded backslash", "/crm%5ctickets/42"],
  ["a backslash", "/crm\\tickets/42"],
  ["an encoded zero", "/crm/tickets/42%00"],
  ["an escape that is none", "/crm/tickets/%zz"],
  ["half an escape", "/crm/tickets/42%"],
  ["a fragment", "/crm/customers/7#/crm/tickets/42"],
  ["a byte that is no ASCII", "/crm/tickets/caf\u00e9"],
  ["a control byte", "/crm/tickets/4\u00012"],
  ["a target without a path", "*"],
  ["a parameter of a segment", "/crm;x=1/tickets/42"],
].map(([name = "", target = ""]) => ({ name, sent: reading(target), expected: "400 malformed_call" }))

const QUERIES: readonly Case[] = [
  { name: "escapes that need not be", sent: reading("/crm/tickets/%34%32"), expected: "allowed" },
  { name: "escapes that have to be", sent: reading("/crm/tickets/a%20b%C3%A9?q=a%20b"), expected: "allowed" },
  { name: "characters that some escape", sent: reading("/crm/tickets/a'(b)!*~$&,=:@"), expected: "allowed" },
  { name: "an escape of a letter", sent: reading("/crm/%63ustomers/7"), expected: "400 malformed_call" },
  {
    name: "a query that looks like a path",
    sent: reading(`${CUSTOMER}?x=${TICKET}&X-Forwarded-Uri=${TICKET}`),
    expected: "403 insufficient_scope",
  },
  { name: "a query for the authorizer", sent: reading(`${TICKET}?profile=evil&key=1`), expected: "allowed" },
  { name: "an empty query", sent: reading(`${TICKET}?`), expected: "allowed" },
]

export const CASES: readonly Case[] = [...CALLS, ...METHODS, ...CLAIMS, ...TARGETS, ...QUERIES]

const json: Header = ["Content-Type", "application/json"]
const message = (name: string, extra: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: {}, ...extra } })

const posting =
  (target: string, body: string, ...headers: readonly Header[]): Case["sent"] =>
  ({ reading: token }) => ({ method: "POST", target, headers: [bearer(token), json, ...headers], body })

const EVERYTHING = "/everything/mcp"
const DESK = "/desk/mcp"
const enforced = (name: string, method = "tools/call"): readonly Header[] => [
  ["Mcp-Protocol-Version", "2026-07-28"],
  ["Mcp-Method", method],
  ["Mcp-Name", name],
]
/** The message that these headers are about (MCP 2026-07-28: the version is in the body too). */
const META = { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } }
const UNSEEN = "400 malformed_call"

const mailing =
  (to: string): Case["sent"] =>
  ({ mailing: token }) => ({
    method: "POST",
    target: "/mail/messages",
    headers: [bearer(token), json],
    body: JSON.stringify({ to, subject: "Ticket 42" }),
  })

const LIMIT = 1_048_576
const changing =
  (bytes: number, framing?: "chunked"): Case["sent"] =>
  ({ reading: token }) => {
    const body = "1".padEnd(bytes)
    const headers: Header[] = [bearer(token), json]
    if (framing) headers.push(["Transfer-Encoding", framing])
    return { method: "PUT", target: TICKET, headers, body: framing ? chunked(body) : body }
  }

export const BODIES: readonly Case[] = [
  { name: "a tool of MCP", sent: posting(EVERYTHING, message("echo")), expected: "allowed", unseen: UNSEEN },
  {
    name: "a tool of MCP that a rule forbids",
    sent: posting(EVERYTHING, message("get-env")),
    expected: "403 insufficient_scope",
    unseen: UNSEEN,
    mcp: "200 insufficient_scope",
  },
  {
    name: "a tool of MCP that no catalog knows",
    sent: posting(EVERYTHING, message("nothing")),
    expected: "403 unknown_tool",
    unseen: UNSEEN,
    mcp: "200 unknown_tool",
  },
  {
    name: "a tool of MCP that no catalog knows, with a status of the client's own",
    sent: posting(EVERYTHING, message("nothing"), ["X-Narrowgate-Status", "403"]),
    expected: "403 unknown_tool",
    unseen: UNSEEN,
    mcp: "200 unknown_tool",
  },
  {
    name: "a method of MCP that nobody knows",
    sent: posting(EVERYTHING, '{"jsonrpc":"2.0","id":1,"method":"no/such"}'),
    expected: "404 unknown_method",
    unseen: UNSEEN,
    mcp: "200 unknown_method",
  },
  {
    name: "a notification of MCP that nobody knows",
    sent: posting(EVERYTHING, '{"jsonrpc":"2.0","method":"no/such"}'),
    expected: "404 unknown_method",
    unseen: UNSEEN,
    mcp: "202 unknown_method",
  },
  {
    name: "a denied call that is no message, with a status of the client's own",
    sent: posting("/crm/nothing", "{}", ["X-Narrowgate-Status", "200"], ["X-Narrowgate-Code", "ok"]),
    expected: "403 unknown_tool",
  },
  {
    name: "a harmless Mcp-Name before another tool",
    sent: posting(EVERYTHING, message("get-env", META), ...enforced("echo")),
    expected: "400 malformed_call",
  },
  {
    name: "a name that stands twice in the body",
    sent: posting(
      EVERYTHING,
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"get-env"}}',
    ),
    expected: "400 malformed_call",
    unseen: UNSEEN,
    mcp: "200 malformed_call",
  },
  {
    name: "two messages at once",
    sent: posting(EVERYTHING, `[${message("echo")},${message("get-env")}]`),
    expected: "400 malformed_call",
  },
  {
    name: "a body that is no UTF-8",
    sent: posting(EVERYTHING, message("echo").replace("echo", "ech\u00ff")),
    expected: "400 malformed_call",
  },
  {
    name: "an encoded body",
    sent: posting(EVERYTHING, "\u001f\u008b\u0008", ["Content-Encoding", "gzip"]),
    expected: "400 malformed_call",
  },
  {
    name: "a tool of MCP in chunks",
    sent: posting(EVERYTHING, chunked(message("get-sum")), ["Transfer-Encoding", "chunked"]),
    expected: "allowed",
    unseen: UNSEEN,
  },
  {
    name: "a tool of a server that enforces headers",
    sent: posting(DESK, message("search", META), ...enforced("search")),
    expected: "allowed",
  },
  {
    name: "a tool outside the grant, of a server that enforces headers",
    sent: posting(DESK, message("send-mail", META), ...enforced("send-mail")),
    expected: "403 insufficient_scope",
    mcp: "200 insufficient_scope",
  },
  {
    name: "an encoded Mcp-Name",
    sent: posting(DESK, message("search", META), ...enforced("=?base64?c2VhcmNo?=")),
    expected: "allowed",
  },
  {
    name: "headers of an older protocol",
    sent: posting(DESK, message("send-mail"), ["Mcp-Method", "tools/call"], ["Mcp-Name", "search"]),
    expected: "400 malformed_call",
  },
  {
    name: "an Mcp-Name that is no ASCII",
    sent: posting(DESK, message("search", META), ...enforced("s\u00e9arch")),
    expected: "400 malformed_call",
  },
  {
    name: "two Mcp-Name lines",
    sent: posting(DESK, message("send-mail", META), ...enforced("search"), ["Mcp-Name", "send-mail"]),
    expected: "400 malformed_call",
    unseen: "403 unknown_tool",
  },
  { name: "mail that a rule permits", sent: mailing("bob@example.org"), expected: "allowed", unseen: UNSEEN },
  {
    name: "mail that a rule forbids",
    sent: mailing("eve@evil.example"),
    expected: "403 policy_denied",
    unseen: UNSEEN,
  },
  {
    name: "a part of a body, as it says itself",
    sent: posting(EVERYTHING, message("get-sum"), ["X-Envoy-Auth-Partial-Body", "true"]),
    expected: "allowed",
    unseen: UNSEEN,
  },
  { name: "a body of 1 MiB", sent: changing(LIMIT), expected: "allowed" },
  { name: "a body of 1 MiB and a byte", sent: changing(LIMIT + 1), expected: "413" },
  { name: "a body of 1 MiB and a byte, in chunks", sent: changing(LIMIT + 1, "chunked"), expected: "413" },
  {
    name: "a length and chunks",
    sent: posting(EVERYTHING, chunked(message("get-sum")), ["Content-Length", "4"], ["Transfer-Encoding", "chunked"]),
    expected: "400",
    unseen: "400",
  },
]

function chunked(body: string): string {
  return `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
}
