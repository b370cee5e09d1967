/** What tables say for guardrails: of the client, of denials on the way, of calls that have ended. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { compiled, EXAMPLE, read, told, type Example } from "./harness.ts"

const GUARDRAILS = `
loops:
  - { id: doors, tools: ["*"], denials: 3, within: 1m, then: quarantine }
  - { id: risky-doors, tools: ["*"], denials: 1, within: 1m, from_risk: 50, then: revoke }
deviations:
  - { id: travel, tools: [crm.*], changes: country, within: 1h, then: quarantine }
  - { id: networks, tools: [crm.*], changes: network, limit: 2, within: 1h }
concurrency:
  - { id: two-at-once, tools: [mail.send], per: tree, limit: 2 }
`

let policies: string
let example: Example
beforeAll(async () => {
  policies = await mkdtemp(join(tmpdir(), "narrowgate-tables-"))
  await cp(EXAMPLE, policies, { recursive: true })
  await writeFile(join(policies, "guardrails.yaml"), GUARDRAILS)
  const gateways = await readFile(join(policies, "gateways.yaml"), "utf8")
  const telling = "settles: true\n    asserts: { country: x-country, client_ip: x-client-ip }\n    body: true"
  await writeFile(join(policies, "gateways.yaml"), gateways.replace("body: true", telling))
  example = await compiled(policies)
})
afterAll(() => rm(policies, { recursive: true }))

const SUPPORT = "spiffe://example.org/agent/support"
const given = (more = "client: { country: DE, ip: 192.0.2.7 }") => `given:
  user: { subject: alice, groups: [support] }
  agent: ${SUPPORT}
  purpose: answer-customer
${more === "" ? "" : `  ${more}\n`}`
const table = (test: string, more?: string) => `${given(more)}tests:\n  - { name: it, ${test} }\n`
const run = (test: string, more?: string) => told(example, table(test, more))

const GET = "crm.tickets.get"
const MAIL = "call: mail.send, arguments: { to: ann@example.org }"

describe("the client", () => {
  const elsewhere = "{ deny: deviation, reason: origin_changed, with: { guardrail: travel } }"

  it("is what `given` says, over that what the question says, and a step of itself", () => {
    expect(run(`after: [${GET}], call: ${GET}, expect: allow`)).toBe("")
    expect(run(`after: [${GET}], client: { country: FR }, call: ${GET}, expect: ${elsewhere}`)).toBe("")
    expect(run(`after: [{ call: ${GET}, client: { country: FR } }], call: ${GET}, expect: ${elsewhere}`)).toBe("")
    // What the question says is nothing that the steps say.
    expect(run(`after: [${GET}, ${GET}], client: { country: FR }, call: ${GET}, expect: ${elsewhere}`)).toBe("")
    expect(run(`after: [${GET}], client: { country: de }, call: ${GET}, expect: allow`)).toBe("")
    expect(run(`given: { client: { country: FR } }, after: [${GET}], call: ${GET}, expect: allow`)).toBe("")
  })

  it("is told member by member, an address by its network", () => {
    const from = (ip: string) => `{ call: ${GET}, client: { ip: "${ip}" } }`
    expect(run(`after: [${from("192.0.2.9")}, ${from("2001:db8::1")}], call: ${GET}, expect: allow`)).toBe("")
    const third = "{ deny: deviation, with: { guardrail: networks, limit: 2 } }"
    const after = `after: [${from("198.51.100.1")}, ${from("2001:db8::1")}]`
    expect(run(`${after}, call: ${GET}, expect: ${third}`)).toBe("")
  })

  it("that a gateway should assert and does not is unknown, and none of those that are known", () => {
    expect(run(`after: [${GET}], call: ${GET}, expect: allow`, "")).toBe("")
    expect(run(`after: [${GET}], client: { country: FR }, call: ${GET}, expect: ${elsewhere}`, "")).toBe("")
  })
})

describe("a denial on the way", () => {
  const denied = (times: number, more = "") => `{ call: everything.echo, times: ${times}${more} }`
  const frozen = "{ deny: invalid_token, reason: task_ended, with: { state: quarantined } }"

  it("is told where none was expected, and one that was expected where there is none", () => {
    expect(run(`after: [${denied(1)}], call: ${GET}, expect: allow`)).toMatch(
      /got {7}call 1 of `after` was denied: insufficient_scope \(tool_not_granted\)/,
    )
    expect(run(`after: [${denied(2, ", expect: rate_limited")}], call: ${GET}, expect: allow`)).toMatch(
      /got {7}call 1 of `after` was to be rate_limited: insufficient_scope/,
    )
    const first = `{ call: ${GET}, expect: policy_denied }`
    expect(run(`after: [${GET}, ${first}], call: ${GET}, expect: allow`)).toMatch(
      /got {7}call 2 of `after` was to be policy_denied: allow by support-agents, support-staff/,
    )
    const otherwise = "{ deny: insufficient_scope, with: { scope: a.b:read } }"
    expect(run(`after: [${denied(1, `, expect: ${otherwise}`)}], call: ${GET}, expect: allow`)).toMatch(
      /call 1 of `after` was to be insufficient_scope in another way: insufficient_scope/,
    )
    const reason = "{ deny: insufficient_scope, reason: argument_out_of_bounds }"
    expect(run(`after: [${denied(1, `, expect: ${reason}`)}], call: ${GET}, expect: allow`)).toMatch(
      /was to be insufficient_scope \(argument_out_of_bounds\) in another way/,
    )
    const rules = "{ allow: true, rules: [support-staff] }"
    expect(run(`after: [{ call: ${GET}, expect: ${rules} }], call: ${GET}, expect: allow`)).toMatch(
      /was to be allow in another way: allow by support-agents, support-staff/,
    )
  })

  it("makes a storm with others, that freezes the task", () => {
    const storm = (times: number) => denied(times, ", expect: insufficient_scope")
    expect(run(`after: [${storm(3)}], call: ${GET}, expect: allow`)).toBe("")
    expect(run(`after: [${storm(4)}], call: ${GET}, expect: ${frozen}`)).toBe("")
    const apart = `{ call: everything.echo, later: 1m, expect: insufficient_scope }`
    expect(run(`after: [${storm(3)}, ${apart}], call: ${GET}, expect: allow`)).toBe("")
  })

  it("of what is no tool counts too: the edge tells the ledger", () => {
    const unknown = "{ call: GET /crm/invoices, times: 4, expect: unknown_tool }"
    expect(run(`after: [${unknown}], call: ${GET}, expect: ${frozen}`)).toBe("")
    const mixed = `{ call: GET /crm/invoices, times: 2, expect: unknown_tool }, ${denied(2, ", expect: insufficient_scope")}`
    expect(run(`after: [${mixed}], call: ${GET}, expect: ${frozen}`)).toBe("")
  })

  it("counts for a guardrail `from_risk` only at that risk", () => {
    const ended = "{ deny: invalid_token, reason: task_ended, with: { state: revoked } }"
    const two = denied(2, ", expect: insufficient_scope")
    const unknown = "{ call: GET /crm/invoices, times: 2, expect: unknown_tool }"
    for (const storm of [two, unknown]) {
      expect(run(`given: { risk: 49 }, after: [${storm}], call: ${GET}, expect: allow`)).toBe("")
      expect(run(`given: { risk: 50 }, after: [${storm}], call: ${GET}, expect: ${ended}`)).toBe("")
    }
  })
})

describe("calls that have ended", () => {
  it("make room once the step is over", () => {
    const mail = (more: string) => `{ ${MAIL}${more} }`
    const full = "{ deny: rate_limited, reason: too_many_at_once, with: { guardrail: two-at-once } }"
    expect(run(`after: [${mail(", times: 2")}], ${MAIL}, expect: ${full}`)).toBe("")
    expect(run(`after: [${mail(", times: 2, settle: true")}], ${MAIL}, expect: allow`)).toBe("")
    // Its own, and none of another step's.
    expect(run(`after: [${mail("")}, ${mail(", settle: true")}, ${mail("")}], ${MAIL}, expect: ${full}`)).toBe("")
    expect(run(`after: [${mail(", times: 3, settle: true")}], ${MAIL}, expect: allow`)).toMatch(
      /call 1, the time 3, of `after` was denied: rate_limited \(too_many_at_once\)/,
    )
  })
})

interface Wrong {
  readonly name: string
  readonly test: string
  readonly at: string
  readonly message: RegExp
  readonly fix: RegExp
}

const WRONG: readonly Wrong[] = [
  {
    name: "a client that the gateway says nothing of",
    test: "given: { gateway: web }, client: { country: NL }, call: desk.search, expect: allow",
    at: "NL",
    message: /`web` asserts no country of its clients/,
    fix: /Write `asserts: \{country: HEADER\}` for it in gateways\.yaml/,
  },
  {
    name: "the same of a step, and of an address",
    test: "given: { gateway: web }, after: [{ call: desk.search, client: { ip: 192.0.2.1 } }], call: desk.search, expect: allow",
    at: "192.0.2.1",
    message: /`web` asserts no ip of its clients/,
    fix: /`asserts: \{client_ip: HEADER\}`/,
  },
  {
    name: "the same of `given`",
    test: "given: { gateway: web, client: { country: NL } }, call: desk.search, expect: allow",
    at: "NL",
    message: /`web` asserts no country/,
    fix: /name another gateway/,
  },
  {
    name: "no country",
    test: `client: { country: Germany }, call: ${GET}, expect: allow`,
    at: "Germany",
    message: /no country/,
    fix: /Write two letters/,
  },
  {
    name: "no address",
    test: `client: { ip: 192.0.2.7.1 }, call: ${GET}, expect: allow`,
    at: "192.0.2.7.1",
    message: /no address/,
    fix: /Write one IPv4 or IPv6 address/,
  },
  {
    name: "something else of a client",
    test: `client: { contry: NL }, call: ${GET}, expect: allow`,
    at: "contry",
    message: /unknown key `contry`/,
    fix: /Did you mean `country`/,
  },
  {
    name: "a client where no call is made",
    test: "client: { country: NL }, open: default, expect: allow",
    at: "{ country: NL }",
    message: /`client` has no effect where `open` is asked/,
    fix: /Remove it/,
  },
  {
    name: "a step that comes to nothing known",
    test: `after: [{ call: ${GET}, expect: rate_limitd }], call: ${GET}, expect: allow`,
    at: "rate_limitd",
    message: /no decision/,
    fix: /Did you mean `rate_limited`/,
  },
  {
    name: "a step that comes to what is of an opening",
    test: `after: [{ call: ${GET}, expect: invalid_scope }], call: ${GET}, expect: allow`,
    at: "invalid_scope",
    message: /a call is not denied with `invalid_scope`/,
    fix: /./,
  },
  {
    name: "a step that is denied by a rule that is not there",
    test: `after: [{ call: ${GET}, expect: { deny: policy_denied, rules: [suport-staff] } }], call: ${GET}, expect: allow`,
    at: "suport-staff",
    message: /there is no rule `suport-staff`/,
    fix: /`support-staff`/,
  },
  {
    name: "an end that the gateway does not tell",
    test: "given: { gateway: web }, after: [{ call: desk.search, settle: true }], call: desk.search, expect: allow",
    at: "true }]",
    message: /`web` does not report when a call has ended/,
    fix: /Write `settles: true` for it in gateways\.yaml, or let time pass/,
  },
]

it.each(WRONG)("wrong: $name", ({ test, at, message, fix }) => {
  const text = table(test, "")
  const { problems } = read(example, text)
  const [problem, ...others] = problems.filter(({ file }) => file === "0.test.yaml")
  expect(others).toEqual([])
  expect(problem?.message).toMatch(message)
  expect(problem?.fix).toMatch(fix)
  const before = text.slice(0, text.indexOf(at)).split("\n")
  expect([problem?.line, problem?.column]).toEqual([before.length, (before.at(-1)?.length ?? 0) + 1])
})
