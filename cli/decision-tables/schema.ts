/**
 * `*.test.yaml`: decision tables. `given` is what tests start from; a test makes one query; its `cases` repeat it with
 * changes. Each layer overrides the one before it.
 */
import { z } from "zod"
import { ACTIONS, SENSITIVITIES } from "../../src/core/catalog/tool.ts"
import { CODES } from "../../src/core/denials/terms/code.ts"
import { OAUTH_CODES } from "../../src/core/denials/oauth/reason.ts"
import { isCountry, networkOf } from "../../src/core/decision/client.ts"
import { HIGHEST_RISK } from "../../src/core/guardrails/definition.ts"
import { ROLES } from "../../src/core/policy/definition/operators.ts"
import { suggest } from "../../src/core/encoding/nearest.ts"
import { agentId } from "../compiler/schema/agents.ts"
import { approvalName } from "../compiler/schema/approvers.ts"
import { argumentBound } from "../compiler/schema/grant.ts"
import { span } from "../compiler/schema/span.ts"
import { argumentName, label, name, scope, text, toolPattern } from "../compiler/schema/values.ts"

export const ALLOW = "allow"
const DENIALS: ReadonlySet<string> = new Set([...Object.keys(CODES), ...Object.keys(OAUTH_CODES)])

const SCOPE_FIX = "Write `<tool or prefix.*>:<read|write|execute>`, a list of such, or `default`."
const nonEmpty = z.string().min(1)

const DEFAULT = "default"
const GIVEN = "given"
const isScope = (word: string): boolean => scope.safeParse(word).success
const scopeList = z.array(scope).min(1)

/** One scope, or a list; `default`: the purpose's defaults. */
const scopes = z.union([
  text((word) => word === DEFAULT || isScope(word), "not a scope", SCOPE_FIX).transform((word) =>
    word === DEFAULT ? null : [word],
  ),
  scopeList,
])

/** The same; `given`: what `given` requests. */
const opened = z.union([
  text((word) => word === DEFAULT || word === GIVEN || isScope(word), "not a scope", SCOPE_FIX).transform(
    (word): typeof GIVEN | string[] | null => (word === GIVEN ? GIVEN : word === DEFAULT ? null : [word]),
  ),
  scopeList,
])

const details = z
  .array(
    z
      .strictObject({
        tools: z.array(toolPattern).min(1).describe("Tools, or patterns such as `crm.*`."),
        actions: z.array(z.enum(ACTIONS)).min(1).describe("Their action classes."),
        max_sensitivity: z.enum(SENSITIVITIES).exactOptional().describe("The highest sensitivity of a tool."),
        arguments: z.record(argumentName, argumentBound).exactOptional().describe("Bounds on arguments, by name."),
        calls: z.int().min(1).exactOptional().describe("The most calls."),
      })
      .meta({ id: "requested-calls" }),
  )
  .describe("The `authorization_details` that are requested (RFC 9396), instead of `scope`.")

const client = z
  .strictObject({
    country: text(isCountry, "no country", "Write two letters, such as `DE` (ISO 3166-1 alpha-2).")
      .exactOptional()
      .describe("The country of the client, such as `DE`."),
    ip: text(
      (value) => networkOf(value) !== "",
      "no address",
      "Write one IPv4 or IPv6 address, such as `192.0.2.7` or `2001:db8::7`.",
    )
      .exactOptional()
      .describe("The IPv4 or IPv6 address of the client."),
  })
  .meta({ id: "client" })

const ofClient = client.exactOptional().describe("What the gateway asserts of the client.")

const wanted = {
  purpose: name.exactOptional().describe("The purpose of the task. If absent: the first one of the agent."),
  scope: scopes
    .exactOptional()
    .describe("The requested scopes: one, or a list. `default`, or if absent: those of the purpose."),
  details: details.min(1).exactOptional(),
}

const given = z
  .strictObject({
    user: z
      .strictObject({
        issuer: name
          .exactOptional()
          .describe("The `id` of the user's issuer in issuers.yaml. Required if several issuers have users."),
        subject: nonEmpty.exactOptional().describe("The `sub` of the user."),
        groups: z.array(name).exactOptional().describe("The groups of the user, as in the token."),
        acr: nonEmpty.exactOptional().describe("The `acr` of the login."),
        auth_age: z
          .int()
          .min(0)
          .exactOptional()
          .describe("Seconds from the login to the token request that opens the task tree."),
      })
      .nullable()
      .exactOptional()
      .describe("The user on whose behalf the task is opened. `null`: the agent acts for itself."),
    agent: agentId.exactOptional().describe("The `id` of the agent that calls."),
    chain: z
      .array(
        z.union([
          agentId.transform((agent) => ({ agent })),
          z.strictObject({ agent: agentId.describe("The `id` of the agent."), ...wanted }),
        ]),
      )
      .min(1)
      .exactOptional()
      .describe("Instead of `agent`: the agents of the task chain, the root task first. The last one calls."),
    ...wanted,
    consent: z.boolean().exactOptional().describe("Whether the user has consented to the tasks."),
    approvals: z
      .array(approvalName)
      .exactOptional()
      .describe("The approvals that each call has, by their names in approvers.yaml."),
    bound_key: z.boolean().exactOptional().describe("Whether the delegation token is bound to a key (DPoP)."),
    rules_alone: z
      .boolean()
      .exactOptional()
      .describe(
        "If true, the rules alone decide: no ceiling, purpose or grant denies the call, and none requires a user.",
      ),
    gateway: name
      .exactOptional()
      .describe(
        "The `id` of the gateway that presents the calls. If absent: the first one that serves what is called.",
      ),
    client: ofClient,
    operator: z
      .strictObject({
        issuer: name.exactOptional().describe("The `id` of the operator's issuer in issuers.yaml."),
        subject: nonEmpty.describe("The `sub` of the operator."),
        roles: z.array(z.enum(ROLES)).exactOptional().describe("The roles. If absent: as in operators.yaml."),
      })
      .exactOptional()
      .describe("The operator who makes the requests of `manage`."),
    labels: z.array(label).exactOptional().describe("The labels that earlier calls have given the task tree."),
    calls: z.int().min(0).max(100_000).exactOptional().describe("The calls that each task of the chain has made."),
    risk: z.int().min(0).max(HIGHEST_RISK).exactOptional().describe("The reported risk. If absent: none."),
  })
  .refine(({ agent, chain, scope, details }) => !(agent && chain) && !(scope && details), {
    error: "says the same in two ways",
    params: { fix: "Write one of `agent` and `chain`, and one of `scope` and `details`." },
  })
  .meta({ id: "given" })

/** A tool by its name, or a request by method and target. */
const call = text(
  (value) => /^(?:[\w-]+(?:\.[\w-]+)+|[A-Z]+ (?:https?:\/\/)?[^\s]+)$/u.test(value),
  "neither a tool nor a request",
  "Write a tool's name, such as `crm.tickets.get`, or a request, such as `GET /crm/tickets/42`.",
)

const values = z.record(z.string(), z.unknown())

/** What comes with a call. */
const carried = {
  arguments: z
    .union([values, z.literal("unseen")], { error: "expected the arguments by name, or `unseen`" })
    .exactOptional()
    .describe(
      "For a call of a tool: the arguments by name, as a client sends them through the gateway. `unseen`: they are not read, although the gateway forwards bodies.",
    ),
  body: z.unknown().optional().describe("For a request: the body, as JSON, or as text."),
  headers: z
    .strictObject({
      "content-type": z.string().exactOptional().describe("The media type of the body."),
      "mcp-protocol-version": z.string().exactOptional().describe("The protocol version of an MCP request."),
      "mcp-method": z.string().exactOptional().describe("The method of an MCP request."),
      "mcp-name": z.string().exactOptional().describe("The tool of an MCP request."),
      "last-event-id": z
        .string()
        .exactOptional()
        .describe("The event from which a GET resumes a stream of an MCP server."),
    })
    .exactOptional()
    .describe("For a request: the headers from which Narrowgate can read an MCP call."),
}

const denial = text(
  (word) => DENIALS.has(word),
  "no code of a denial",
  "Write the code that the caller gets, such as `policy_denied`, `insufficient_scope`, `rate_limited`.",
)

const verdict = z
  .string()
  .superRefine((word, context) => {
    if (word === ALLOW || DENIALS.has(word)) return
    const fix = suggest(word, [ALLOW, ...DENIALS], "Write `allow`, or the code that the caller gets.")
    context.addIssue({ code: "custom", message: "no decision", params: { fix }, input: word })
  })
  .transform((word): ExpectedText => (word === ALLOW ? { allow: true } : { deny: word }))

const rules = z.array(nonEmpty)

/** One of `allow`, `deny`, `scope`. */
export interface ExpectedText {
  readonly allow?: true
  readonly deny?: string
  readonly scope?: readonly string[] | null
  readonly rules?: readonly string[]
  readonly reason?: string
  readonly principal?: string
  readonly with?: Readonly<Record<string, unknown>>
}

const expectation: z.ZodType<ExpectedText> = z
  .union([
    verdict,
    z
      .strictObject({
        allow: z.literal(true).exactOptional().describe("The call, or the request of the operator, is allowed."),
        deny: denial.exactOptional().describe("It is denied with this code."),
        scope: scopes.exactOptional().describe("The task is opened with exactly these scopes."),
        rules: rules.exactOptional().describe("Exactly these rules determine the decision, by their `@id`."),
        reason: nonEmpty.exactOptional().describe("The reason of the denial."),
        principal: nonEmpty
          .exactOptional()
          .describe("The principal that the policies deny: `user`, `operator`, or the `id` of an agent."),
        with: values.exactOptional().describe("Members of the denial in the decision record, with their values."),
      })
      .refine(
        ({ allow, deny, scope: scopes }) => [allow, deny, scopes].filter((each) => each !== undefined).length === 1,
        {
          error: "not one decision",
          params: { fix: "Write one of `allow: true`, `deny: <code>` and, where a task is opened, `scope: […]`." },
        },
      )
      .refine(({ deny, reason, principal, with: more }) => deny !== undefined || !(reason ?? principal ?? more), {
        error: "only a denial has a reason, a principal and what shows it",
        params: { fix: "Remove `reason`, `principal` and `with`, or write `deny: <code>`." },
      }),
  ])
  .meta({ id: "expectation" })

const step = z
  .union([
    call.transform((tool) => ({ call: tool })),
    z.strictObject({
      call: call.describe("The tool, or a request such as `GET /crm/tickets/42`."),
      ...carried,
      by: agentId.exactOptional().describe("The agent of the chain that makes it. If absent: the last one."),
      client: ofClient,
      times: z.int().min(1).max(100_000).exactOptional().describe("How often it is made. If absent: once."),
      later: span.exactOptional().describe("The time that passes before the first one, such as `90s`."),
      expect: expectation.exactOptional().describe("The decision on each of them. If absent: `allow`."),
      settle: z.literal(true).exactOptional().describe("After the last one, none of them is in flight any more."),
    }),
  ])
  .meta({ id: "earlier-call" })

/** The query of a test: a call, what a task would hold, or whether an operator may do something. */
const questions = {
  call,
  open: opened,
  manage: text(
    (value) => /^[A-Z]+ \S+(?: \S+){0,2}$/u.test(value),
    "no request to manage",
    "Write `<method> <area>`, and behind it, where it matters, the kind of thing, and which: `GET tasks task tsk_…`.",
  ),
}
export type QuestionKind = keyof typeof questions
export const KINDS: readonly QuestionKind[] = ["call", "open", "manage"]

const members = {
  given: given.exactOptional().describe("The situation, over `given` of the file."),
  after: z
    .array(step)
    .exactOptional()
    .describe("Calls that the task has made before. Each must be allowed, unless it has an `expect`."),
  later: span.exactOptional().describe("The time that passes before the query, such as `90s`."),
  call: questions.call
    .exactOptional()
    .describe("Queries a call: the name of a tool, or a request such as `GET /crm/tickets/42`."),
  open: questions.open
    .exactOptional()
    .describe("Queries the scopes of a new task: the requested scopes, `default`, or `given` for those of `given`."),
  manage: questions.manage
    .exactOptional()
    .describe("Queries a request of an operator, such as `POST revocations agent ID`."),
  ...carried,
  client: ofClient,
  expect: expectation
    .exactOptional()
    .describe("`allow`, the code of the denial, or a map with one of `allow`, `deny` and `scope`."),
}

/** `[query, arguments, expectation]`; either of the first two may be missing. */
const row = z
  .array(z.unknown())
  .min(1)
  .max(3)
  .transform((cells, context): Row => {
    const last = cells.length - 1
    const expect = expectation.safeParse(cells[last], { reportInput: true })
    if (!expect.success) {
      context.issues.push({ code: "invalid_union", errors: [expect.error.issues], input: cells[last], path: [last] })
      return z.NEVER
    }
    const before = cells.slice(0, last)
    const places = { question: before.findIndex(isText), arguments: before.findIndex(isMap), expect: last }
    const [question, ...others] = before.filter(isText)
    const [args, ...more] = before.filter(isMap)
    if (others.length > 0 || more.length > 0 || before.some((cell) => !isText(cell) && !isMap(cell))) {
      const fix = "Write `[query, { arguments }, expectation]`; the first or the second may be left out."
      context.addIssue({ code: "custom", message: "no row", params: { fix } })
      return z.NEVER
    }
    return {
      kind: "row",
      places,
      expect: expect.data,
      ...(question !== undefined && { question }),
      ...(args && { arguments: args }),
    }
  })

export interface Row {
  readonly kind: "row"
  readonly question?: string
  readonly arguments?: Readonly<Record<string, unknown>>
  readonly expect: ExpectedText
  /** The place of each in the row; -1 if it is missing. */
  readonly places: { readonly question: number; readonly arguments: number; readonly expect: number }
}

const oneCase = z
  .strictObject({ name: nonEmpty.exactOptional().describe("What this case adds, in words."), ...members })
  .meta({ id: "case" })

const test = z
  .strictObject({
    name: nonEmpty.describe("What the policies promise, in words. Unique in the file."),
    ...members,
    cases: z
      .array(z.union([row, oneCase]))
      .min(1)
      .exactOptional()
      .describe("Repeats the query with changes: rows `[query, { arguments }, expectation]`, or maps."),
  })
  .superRefine(({ cases = [], ...of }, context) => {
    for (const [index, one] of cases.entries()) {
      if (!("places" in one) || one.question === undefined) continue
      const { question: input, places } = one
      const { error } = questions[kindOf(of)].safeParse(wordsOf(input, kindOf(of)), { reportInput: true })
      const path = ["cases", index, places.question]
      if (error) context.issues.push({ code: "invalid_union", errors: [error.issues], input, path })
    }
  })

/** The text of a row is of the kind that its test queries; without any, a call. */
export function kindOf(test: Partial<Record<QuestionKind, unknown>>): QuestionKind {
  return KINDS.find((kind) => test[kind] !== undefined) ?? "call"
}

/** As `members` has it. It throws if the text is of no such kind, which the schema has checked. */
export function questionOf(text: string, kind: QuestionKind): Partial<Pick<z.infer<typeof test>, QuestionKind>> {
  return { [kind]: questions[kind].parse(wordsOf(text, kind)) }
}

/** Several scopes in a row are written as in a token. */
function wordsOf(text: string, kind: QuestionKind): unknown {
  return kind === "open" && text.includes(" ") ? text.split(" ") : text
}

export const tablesFile = z.strictObject({
  given: given.exactOptional().describe("The situation from which all tests of the file start."),
  tests: z.array(test).min(1).describe("The tests. Each makes one query, or one for each of its cases."),
})
export type TablesFile = z.infer<typeof tablesFile>
export type Given = z.infer<typeof given>
/** The members of a test except its name, or of a case over it. */
export type TestQuestion = Omit<Test, "name" | "cases">
export type Test = TablesFile["tests"][number]
export type StepText = z.infer<typeof step>
export type ClientText = z.infer<typeof client>

function isText(cell: unknown): cell is string {
  return typeof cell === "string"
}

function isMap(cell: unknown): cell is Readonly<Record<string, unknown>> {
  return typeof cell === "object" && cell !== null && !Array.isArray(cell)
}
