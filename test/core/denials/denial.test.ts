import { expect, test } from "vitest"
import { redactedDenial } from "../../../src/core/catalog/redaction.ts"
import { final, ONLY_CODE, reason } from "../../../src/core/denials/call/reason.ts"
import { CODES } from "../../../src/core/denials/terms/code.ts"
import { REJECTIONS } from "../../../src/core/denials/terms/credential-rejection.ts"
import { DENIALS, hideFigures } from "../../../src/core/denials/denial.ts"
import { figure, plain, TEXT, valueOf, type Member, type Reasoned } from "../../../src/core/denials/terms/evidence.ts"
import { MANAGEMENT_DENIALS } from "../../../src/core/denials/management-denial.ts"
import { OAUTH_ERRORS } from "../../../src/core/denials/oauth-error.ts"
import { SET_ERRORS } from "../../../src/core/denials/set-error.ts"

const SECRET = "739184"

/** Evidence in which every member that can show an argument does. */
function telling(of: string, { evidence }: Reasoned): Readonly<Record<string, unknown>> & { readonly reason: string } {
  const valued = (member: Member): unknown =>
    member.shows.kind === "figure" ? Number(SECRET) : member.shows.kind === "value" ? `eq ${SECRET}` : "pin"
  return { reason: of, ...Object.fromEntries(Object.entries(evidence).map(([name, each]) => [name, valued(each)])) }
}

test.each(Object.entries<Reasoned>(DENIALS))("a denial by %s shows no argument that is redacted", (name, entry) => {
  const denial = telling(name, entry)
  expect(JSON.stringify(hideFigures(redactedDenial(denial, ["pin"])))).not.toContain(SECRET)
  // Nothing is redacted: it is as it was.
  expect(redactedDenial(denial, ["other"])).toBe(denial)
})

test("the members that can show an argument are known, each by what hides it", () => {
  const all = Object.entries<Reasoned>(DENIALS).flatMap(([name, { evidence }]) =>
    Object.entries(evidence).flatMap(([member, { shows }]) =>
      shows.kind === "nothing" ? [] : [`${name}.${member}: ${shows.kind}`],
    ),
  )
  expect(all).toEqual([
    "tool_unknown.called: hidden",
    "argument_out_of_bounds.bound: value",
    "argument_out_of_bounds.stated: value",
    "budget_spent.used: figure",
    "budget_spent.asked: figure",
    "budget_spent.retry_after: figure",
  ])
})

test("each value that is hidden belongs to an argument that the evidence names", () => {
  for (const { evidence } of Object.values<Reasoned>(DENIALS)) {
    for (const { shows } of Object.values(evidence))
      if (shows.kind === "value") expect(evidence).toHaveProperty(shows.of)
  }
})

test("each reason is documented in a sentence, and so is each member of its evidence", () => {
  const tables: readonly Readonly<Record<string, Reasoned>>[] = [
    DENIALS,
    OAUTH_ERRORS,
    REJECTIONS,
    MANAGEMENT_DENIALS,
    SET_ERRORS,
  ]
  const docs = tables.flatMap((table) =>
    Object.values(table).flatMap(({ doc, evidence }) => [doc, ...Object.values(evidence).map((member) => member.doc)]),
  )
  expect(docs.filter((doc) => !/^[A-Z`/].*[.…]$/u.test(doc))).toEqual([])
  for (const { sentence } of Object.values(CODES)) expect(sentence).toMatch(/^[A-Z].*\.$/u)
})

// What the compiler says of an entry in which something is forgotten; `npm run typecheck` fails if it says nothing.
const whole = {
  code: "policy_denied",
  evidence: { what: plain(TEXT, "What.") },
  doc: "When.",
  forOperators: ({ what }: { readonly what: string }) => what,
  forCaller: ONLY_CODE,
} as const
export const REFUSED_BY_COMPILER = [
  // @ts-expect-error -- no code
  () => final({ ...whole, code: undefined }),
  // @ts-expect-error -- no code that there is
  () => final({ ...whole, code: "policy_refused" }),
  // @ts-expect-error -- no documentation
  () => final({ ...whole, doc: undefined }),
  // @ts-expect-error -- no sentence for operators
  () => final({ ...whole, forOperators: undefined }),
  // @ts-expect-error -- nothing of what the caller learns
  () => final({ ...whole, forCaller: undefined }),
  // @ts-expect-error -- nothing of who can decide it anew
  () => reason(whole),
  // @ts-expect-error -- a sentence of what the evidence does not have
  () => final({ ...whole, evidence: {}, forOperators: ({ rules }) => rules }),
  // @ts-expect-error -- evidence of which it is not known whether it shows an argument
  () => final({ ...whole, evidence: { what: { schema: TEXT, doc: "What.", isOptional: false } } }),
]

test("a table of what is denied where there is no call has no evidence that could show an argument of one", () => {
  for (const table of [OAUTH_ERRORS, REJECTIONS, MANAGEMENT_DENIALS, SET_ERRORS]) {
    const shown = Object.values<Reasoned>(table).flatMap(({ evidence }) => Object.values(evidence))
    expect(new Set(shown.map(({ shows }) => shows.kind))).toEqual(new Set(["nothing"]))
  }
  expect([figure("").shows, valueOf("a", "").shows]).toEqual([{ kind: "figure" }, { kind: "value", of: "a" }])
})
