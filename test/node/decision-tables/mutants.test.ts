/** Broken rules: which there are, which tests notice them, and that none is the rule itself in other words. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { mutantsOf } from "../../../cli/decision-tables/mutants.ts"
import { mutate } from "../../../cli/decision-tables/mutate.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { passes, runCases } from "../../../cli/decision-tables/suite.ts"
import { coverageOf, percentOf, survivorsOf } from "../../../cli/decision-tables/render.ts"
import { compiled, EXAMPLE, oracleFor, ROOT, run, type Example } from "./harness.ts"

let policies: string
beforeEach(async () => {
  policies = await mkdtemp(join(tmpdir(), "narrowgate-mutants-"))
  await cp(EXAMPLE, policies, { recursive: true })
})
afterEach(() => rm(policies, { recursive: true }))

const brokenOf = ({ body, bundle }: Example, rule: string): readonly string[] =>
  mutantsOf(body, bundle)
    .filter((mutant) => mutant.rule === rule)
    .map(({ what }) => what)

describe("the example's tables", () => {
  it("pass on both engines, cover every rule and notice every broken one", async () => {
    const example = await compiled()
    const { cases, problems } = withTables(example)
    expect(problems).toEqual([])
    const suite = runCases(example.bundle, cases, oracleFor(example))
    expect(suite.outcomes.filter((outcome) => !passes(outcome))).toEqual([])
    expect(percentOf(coverageOf(suite, example.written))).toBe(100)
    const { mutants, survivors } = mutate(example.body, example.bundle, suite.outcomes)
    expect(survivors).toEqual([])
    expect(mutants).toBeGreaterThan(40)
  })
})

describe("a rule is broken", () => {
  it("in each condition and each part of it, but for what guards another part", async () => {
    expect(brokenOf(await compiled(), "mail-within-the-company")).toEqual([
      "the rule dropped",
      "permit instead of forbid",
      "any action in its scope",
      "any resource in its scope",
      "`unless` dropped",
      "`when` instead of `unless`",
      "part 2 of `unless` dropped",
      "part 3 of `unless` dropped",
    ])
  })

  it("by a wider scope only where somebody could ask what it then is about", async () => {
    const example = await compiled()
    // The nightly agent's ceiling is that one tool, which is read only; but others could ask for it.
    expect(brokenOf(example, "nightly-report-lists-tickets")).toEqual([
      "the rule dropped",
      "forbid instead of permit",
      "any principal in its scope",
    ])
    // All lifecycle tools are read.
    expect(brokenOf(example, "lifecycle-for-all")).toEqual([
      "the rule dropped",
      "forbid instead of permit",
      "any resource in its scope",
    ])
  })

  it("by any principal only where there could be another: users need an issuer of theirs", async () => {
    const jobs = brokenOf(await compiled(join(ROOT, "starters/ci-agent")), "ci-looks-and-holds")
    expect(jobs).toContain("any action in its scope")
    expect(jobs).not.toContain("any principal in its scope")
  })

  it("but not by a condition on the tool that holds for each one, or for none", async () => {
    const rule = (id: string, about: string, when: string) =>
      `\n@id("${id}") permit (principal in UserGroup::"support", action == Action::"${about}", resource) when { ${when} };\n`
    await appendFile(
      join(policies, "support.cedar"),
      [
        rule("all", "read", "resource.sensitivity_level <= 3"),
        rule("some", "read", "resource.sensitivity_level <= 0"),
        rule("one-action", "read", 'resource.action == "read" && resource.sensitivity_level <= 0'),
        rule("of-calls", "read", "resource.sensitivity_level <= 3 && context.risk < 50"),
        // A task may be given tools that write, so it matters which a token holds.
        rule("of-tokens", "delegate", 'resource.action == "read"').replace('"support"', '"sales"'),
        // Another rule gives them all the same: of which permit it is, no token tells.
        rule("of-tokens-again", "delegate", 'resource.action == "read"'),
      ].join(""),
    )
    const example = await compiled(policies)
    const ofCondition = (id: string) =>
      brokenOf(example, id)
        .filter((what) => what.includes("dropped"))
        .slice(1)
    expect(ofCondition("all")).toEqual([])
    expect(ofCondition("some")).toEqual(["`when` dropped"])
    expect(ofCondition("one-action")).toEqual(["`when` dropped", "part 2 of `when` dropped"])
    expect(ofCondition("of-calls")).toEqual(["`when` dropped", "part 1 of `when` dropped", "part 2 of `when` dropped"])
    expect(ofCondition("of-tokens")).toEqual(["`when` dropped"])
    expect(ofCondition("of-tokens-again")).toEqual([])
  })

  it("in the instance of a template that a link makes", async () => {
    await appendFile(
      join(policies, "support.cedar"),
      `\n@id("t") permit (principal == ?principal, action, resource);\n`,
    )
    const agent = "spiffe://example.org/agent/vault"
    await writeFile(
      join(policies, "links.yaml"),
      `links: [{ id: l, template: t, principal: { type: Agent, id: "${agent}" } }]`,
    )
    const example = await compiled(policies)
    expect(brokenOf(example, "l")).toEqual([
      "the rule dropped",
      "forbid instead of permit",
      "any principal in its scope",
    ])
    const line = (await readFile(join(policies, "support.cedar"), "utf8"))
      .split("\n")
      .findIndex((text) => text.includes('@id("t")'))
    expect(coverageOf({ outcomes: [], determining: new Set(), unput: 0 }, example.written)).toContainEqual({
      rule: "l",
      file: "support.cedar",
      line: line + 1,
      determined: false,
    })
  })

  it("and its remedy goes with it where it permits", async () => {
    await appendFile(
      join(policies, "limits.cedar"),
      `\n@id("key") @remedy("bound-key") forbid (principal, action == Action::"read", resource == Tool::"desk.search") unless { context.bound_key };\n`,
    )
    const { body, bundle } = await compiled(policies)
    const flipped = mutantsOf(body, bundle).find(({ rule, what }) => rule === "key" && what.startsWith("permit"))
    expect(flipped?.lowered).not.toHaveProperty("remedy")
  })
})

it("who survives is told with file, line of the condition, and what was changed", async () => {
  const example = await compiled()
  const { outcomes } = run(
    example,
    `given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/support, purpose: answer-customer }
tests:
  - name: it
    call: mail.send
    cases:
      - [{ to: ann@example.org }, allow]
      - [{ to: eve@evil.example }, { deny: policy_denied, rules: [mail-within-the-company] }]
`,
  )
  const survivors = survivorsOf(mutate(example.body, example.bundle, outcomes), example.written)
  const ofMail = survivors.filter(({ rule }) => rule === "mail-within-the-company")
  const rules = (await readFile(join(EXAMPLE, "limits.cedar"), "utf8")).split("\n")
  const [at, unless] = ['@id("mail-within', "unless {"].map(
    (text) => rules.findIndex((line) => line.includes(text)) + 1,
  )
  const told = { rule: "mail-within-the-company", file: "limits.cedar" }
  expect(ofMail).toEqual([
    // No other write was tried, nor a second address.
    { ...told, line: at, what: "any resource in its scope" },
    { ...told, line: unless, what: "part 3 of `unless` dropped" },
  ])
  expect(survivors.map(({ rule }) => rule)).toContain("operators-manage")
})

it("whether a call's arguments are needed is noticed too", async () => {
  const example = await compiled()
  const { outcomes } = run(
    example,
    `given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/support, purpose: answer-customer }
tests:
  - { name: it, given: { rules_alone: true }, call: mail.send, arguments: unseen, expect: malformed_call }
`,
  )
  const { survivors } = mutate(example.body, example.bundle, outcomes)
  const ofMail = survivors.filter(({ rule }) => rule === "mail-within-the-company").map(({ what }) => what)
  expect(ofMail).not.toContain("the rule dropped")
  expect(ofMail).not.toContain("`unless` dropped")
})
