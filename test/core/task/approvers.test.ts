import { expect, test } from "vitest"
import {
  inboxesFor,
  inboxesOf,
  whyNotApprover,
  type ApproverIdentity,
  type Approvers,
} from "../../../src/core/task/approvers.ts"
import type { ApprovalDefinition, Approver } from "../../../src/core/policy/definition/approvers.ts"

const [IDP, OTHER] = ["https://idp.test", "https://second.test"]

const definition = (name: string, own: boolean, ...approvers: readonly Approver[]): ApprovalDefinition => {
  return { name, approvers, need: 1, own, life: 900, uses: 1 }
}
const APPROVERS: Approvers = {
  approvals: new Map(
    [
      definition("group", false, { kind: "group", issuer: IDP, group: "finance" }),
      definition("group-own", true, { kind: "group", issuer: IDP, group: "finance" }),
      definition("person", false, { kind: "person", issuer: IDP, subject: "fay" }),
      definition("owner", false, { kind: "owner" }),
      definition("user", true, { kind: "user" }),
    ].map((each) => [each.name, each]),
  ),
  owners: new Map([["desk", [{ kind: "person", issuer: IDP, subject: "olga" }]]]),
}

const person = (subject: string, groups: readonly string[] = [], issuer = IDP): ApproverIdentity => {
  return { person: { issuer, subject, groups }, operator: null, asUser: null }
}
const operator: ApproverIdentity = { person: null, operator: `${IDP}|olivia`, asUser: null }
const ALICE = `${IDP}|alice`

test.each<[name: string | null, who: ApproverIdentity, expected: string | null, owner?: string]>([
  ["group", person("fred", ["finance"]), null],
  ["group", person("fred", ["finance"], OTHER), "stranger"],
  ["group", person("fred", ["finances"]), "stranger"],
  ["group", person("finance"), "stranger"],
  ["group", person("alice", ["finance"]), "own"],
  ["group-own", person("alice", ["finance"]), null],
  ["group-own", person("alice"), "stranger"],
  ["person", person("fay"), null],
  ["person", person("fay", [], OTHER), "stranger"],
  ["person", person("fred", ["fay"]), "stranger"],
  ["person", operator, "stranger"],
  ["owner", person("olga"), null],
  ["owner", person("olga"), "stranger", "crm"],
  ["owner", person("desk"), "stranger"],
  ["user", person("alice"), null],
  ["user", person("alice", [], OTHER), "stranger"],
  ["user", person("bob"), "stranger"],
  ["unknown", person("fay", ["finance"]), "stranger"],
  [null, operator, null],
  [null, person("fay", ["finance"]), "no operator"],
  // As an operator the user has the same name.
  [null, { person: null, operator: ALICE, asUser: null }, "own"],
  [null, { ...operator, asUser: ALICE }, "own"],
  // As a person by another claim of the same token they have another.
  [null, { ...person("a-1"), operator: ALICE }, "own"],
  ["group", { ...person("a-1", ["finance"]), operator: ALICE }, "own"],
])("by %j %j: %j", (name, who, expected, owner = "desk") => {
  expect(whyNotApprover(APPROVERS, { name }, owner, ALICE, who)).toBe(expected)
})

test("a question stands where whoever may answer looks, and nowhere else", () => {
  const put = (name: string | null, owner: string | null = "desk") => inboxesFor(APPROVERS, name, owner, ALICE)
  expect(put("group")).toEqual([{ issuer: IDP, group: "finance" }])
  expect(put("person")).toEqual([{ user: `${IDP}|fay` }])
  expect(put("owner")).toEqual([{ user: `${IDP}|olga` }])
  expect(put("owner", "crm")).toEqual([])
  expect(put("user")).toEqual([{ user: ALICE }])
  expect(put("unknown")).toEqual([])
  expect(put(null)).toEqual(["operators"])
  const groups = ["finance", "unheard-of"]
  expect(inboxesOf(APPROVERS, person("fred", groups))).toEqual([
    { user: `${IDP}|fred` },
    { issuer: IDP, group: "finance" },
  ])
  expect(inboxesOf(APPROVERS, person("fred", groups, OTHER))).toEqual([{ user: `${OTHER}|fred` }])
  expect(inboxesOf(APPROVERS, person("fay"))).toEqual([{ user: `${IDP}|fay` }])
  expect(inboxesOf(APPROVERS, operator)).toEqual(["operators"])
})
