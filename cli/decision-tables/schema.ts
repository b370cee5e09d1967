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

const SCOPE_MEND = "Write `<tool or prefix.*>:<read|write|execute>`, a list of such, or `default`."
const nonEmpty = z.string().min(1)

const DEFAULT = "default"
const GIVEN = "given"
const isScope = (word: string): boolean => scope.safeParse(word).success
const scopeList = z.array(scope).min(1)

/** One scope, or a list; `default`: the purpose's defaults. */
const scopes = z.union([
  text((word) => word === DEFAULT || isScope(word), "not a scope", SCOPE_MEND).transform((word) =>
    word === DEFAULT ? null : [word],
  ),
  scopeList,
])

/** The same; `given`: what `given` requests. */
const opened = z.union([
  text((word) => word === DEFAULT || word === GIVEN || isScope(word), "not a scope", SCOPE_MEND).transform(
    (word): typeof GIVEN | string[] | null => (word === GIVEN ? GIVEN : word === DEFAULT ? null : [word]),
  ),
  scopeList,
])

const details = z.array(
  z.strictObject({
    tools: z.array(toolPattern).min(1),
    actions: z.array(z.enum(ACTIONS)).min(1),
    max_sensitivity: z.enum(SENSITIVITIES).exactOptional(),
    arguments: z.record(argumentName, argumentBound).exactOptional(),
    calls: z.int().min(1).exactOptional(),
  }),
)

const client = z
  .strictObject({
    country: text(isCountry, "no country", "Write two letters, such as `DE` (ISO 3166-1 alpha-2).").exactOptional(),
    ip: text(
      (value) => networkOf(value) !== "",
      "no address",
      "Write one IPv4 or IPv6 address, such as `192.0.2.7` or `2001:db8::7`.",
    ).exactOptional(),
  })
  .describe("What the gateway asserts of the client: `country` and `ip`.")

const wanted = {
  purpose: name.exactOptional(),
  scope: scopes.exactOptional(),
  details: details.min(1).exactOptional(),
}

const given = z
  .strictObject({
    user: z
      .strictObject({
        issuer: name.exactOptional(),
        subject: nonEmpty.exactOptional(),
        groups: z.array(name).exactOptional(),
        acr: nonEmpty.exactOptional(),
        auth_age: z.int().min(0).exactOptional(),
      })
      .nullable()
      .exactOptional(),
    agent: agentId.exactOptional(),
    chain: z
      .array(z.union([agentId.transform((agent) => ({ agent })), z.strictObject({ agent: agentId, ...wanted })]))
      .min(1)
      .exactOptional(),
    ...wanted,
    consent: z.boolean().exactOptional(),
    approvals: z
      .array(approvalName)
      .exactOptional()
      .describe("Names of approvers.yaml by which people have approved of each call."),
    bound_key: z.boolean().exactOptional(),
    rules_alone: z.boolean().exactOptional(),
    gateway: name.exactOptional(),
    client: client.exactOptional(),
    operator: z
      .strictObject({
        issuer: name.exactOptional(),
        subject: nonEmpty,
        roles: z.array(z.enum(ROLES)).exactOptional(),
      })
      .exactOptional(),
    labels: z.array(label).exactOptional(),
    calls: z.int().min(0).max(100_000).exactOptional(),
    risk: z.int().min(0).max(HIGHEST_RISK).exactOptional(),
  })
  .refine(({ agent, chain, scope, details }) => !(agent && chain) && !(scope && details), {
    error: "says the same in two ways",
    params: { fix: "Write one of `agent` and `chain`, and one of `scope` and `details`." },
  })

/** A tool by its name, or a request by method and target. */
const call = text(
  (value) => /^(?:[\w-]+(?:\.[\w-]+)+|[A-Z]+ (?:https?:\/\/)?[^\s]+)$/u.test(value),
  "neither a tool nor a request",
  "Write a tool's name, such as `crm.tickets.get`, or a request, such as `GET /crm/tickets/42`.",
)

const values = z.record(z.string(), z.unknown())

/** What comes with a call. */
const carried = {
  /** `unseen`: the gateway did not pass the arguments on. */
  arguments: z
    .union([values, z.literal("unseen")], { error: "expected the arguments by name, or `unseen`" })
    .exactOptional()
    .describe("Of a tool, by name; `unseen`: the gateway did not pass them on."),
  /** Body of a request: JSON, or text as it is. */
  body: z.unknown().optional().describe("Of a request: JSON, or text as it is."),
  headers: z
    .strictObject({
      "content-type": z.string().exactOptional(),
      "mcp-protocol-version": z.string().exactOptional(),
      "mcp-method": z.string().exactOptional(),
      "mcp-name": z.string().exactOptional(),
    })
    .exactOptional()
    .describe("Of a request: those that an MCP call may be read from."),
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

const expectation: z.ZodType<ExpectedText> = z.union([
  verdict,
  z
    .strictObject({
      allow: z.literal(true).exactOptional(),
      deny: denial.exactOptional(),
      scope: scopes.exactOptional(),
      rules: rules.exactOptional(),
      reason: nonEmpty.exactOptional(),
      principal: nonEmpty.exactOptional(),
      with: values.exactOptional(),
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

const step = z.union([
  call.transform((tool) => ({ call: tool })),
  z.strictObject({
    call,
    ...carried,
    by: agentId.exactOptional().describe("Who of the chain makes it; absent: the last."),
    client: client.exactOptional(),
    times: z.int().min(1).max(100_000).exactOptional().describe("How often."),
    later: span.exactOptional().describe("Time that passes before the first."),
    expect: expectation.exactOptional().describe("What each of them comes to; absent: `allow`."),
    settle: z.literal(true).exactOptional().describe("Once the last is made, all of them have ended."),
  }),
])

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
  given: given.exactOptional().describe("What this starts from, over what the file gives."),
  after: z
    .array(step)
    .exactOptional()
    .describe("Calls that the task has made before; each must be allowed, unless it says what else it comes to."),
  later: span.exactOptional().describe("Time that passes before it is asked, such as `90s`."),
  call: questions.call.exactOptional().describe("A tool, or a request such as `GET /crm/tickets/42`."),
  open: questions.open.exactOptional().describe("What a task asks for: a scope, several, `default` or `given`."),
  manage: questions.manage.exactOptional().describe("A request of an operator, such as `POST revocations agent ID`."),
  ...carried,
  client: client.exactOptional(),
  expect: expectation
    .exactOptional()
    .describe("`allow`, the code of the denial, or a map with `deny`, `rules`, `reason`, `principal`, `scope`."),
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
      const fix = "Write `[what is asked, { arguments }, what is expected]`; the first or the second may be left out."
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

const test = z
  .strictObject({
    name: nonEmpty.describe("What it promises, in words; unique in the file."),
    ...members,
    cases: z
      .array(z.union([row, z.strictObject({ name: nonEmpty.exactOptional(), ...members })]))
      .min(1)
      .exactOptional()
      .describe("Asks again with something else: rows `[what is asked, { arguments }, expected]`, or maps."),
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

export const tablesFile = z.strictObject({ given: given.exactOptional(), tests: z.array(test).min(1) })
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
