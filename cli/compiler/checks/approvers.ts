/** The approvers of an approval exist, can answer, and are enough; a guardrail names an approval that is defined. */
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { WrittenApproving } from "../schema/approvers.ts"
import type { Path } from "../source/source.ts"
import { entriesOf } from "../schema/guardrails.ts"
import { unknownName } from "./references.ts"

export function checkApprovers(policies: Policies): Problem[] {
  return [...people(policies), ...numbers(policies), ...owners(policies), ...askers(policies)]
}

function people({ approvers, issuers }: Policies): Problem[] {
  const { approvals, owners } = approvers.value
  const written: readonly { readonly path: Path; readonly one: WrittenApproving }[] = [
    ...approvals.flatMap(({ approvers: listed }, index) =>
      listed.flatMap((one, at) =>
        typeof one === "string" ? [] : [{ path: ["approvals", index, "approvers", at], one }],
      ),
    ),
    ...Object.entries(owners).flatMap(([owner, listed]) =>
      listed.map((one, at) => ({ path: ["owners", owner, at], one })),
    ),
  ]
  return written.flatMap(({ path, one }) => {
    const issuer = issuers.value.issuers.find(({ id }) => id === one.issuer)
    const at = [...path, "issuer"]
    if (!issuer) {
      const ids = issuers.value.issuers.map(({ id }) => id)
      return [unknownName(approvers, at, "issuer", one.issuer, ids, "Name an `id` of issuers.yaml.")]
    }
    const lacks = (["users", "operators"] as const).filter((key) => issuer[key] === undefined)
    if (lacks.length === 0) return []
    const message = `issuer \`${issuer.id}\` has no ${lacks.map((key) => `\`${key}\``).join(" and no ")}, so nobody of it could answer`
    const fix = "Give it `users`, which say who a person is, and `operators`, the clients that people answer with."
    return [approvers.error(at, message, fix)]
  })
}

function numbers({ approvers }: Policies): Problem[] {
  return approvers.value.approvals.flatMap(({ name, approvers: listed, need, own }, index) => {
    const path = ["approvals", index]
    if (name === "user") {
      const message = "`user` is what the consent of a task's user is called"
      return [approvers.error([...path, "name"], message, "Use another name.")]
    }
    const problems: Problem[] = []
    const user = listed.indexOf("user")
    if (user >= 0 && !own) {
      const message = "the task's own user is an approver, and may not decide"
      problems.push(approvers.error([...path, "approvers", user], message, "Write `own: true`, or remove `user`."))
    }
    const most = countOf(listed)
    if (most !== null && most < need) {
      const message = `${need} people have to say yes, and ${most} ${most === 1 ? "is" : "are"} asked`
      problems.push(approvers.error([...path, "need"], message, "Name more approvers, or need fewer."))
    }
    return problems
  })
}

/** Null where nobody knows how many a group has. */
function countOf(listed: readonly ("owner" | "user" | WrittenApproving)[]): number | null {
  const people = new Set<string>()
  for (const one of listed) {
    if (one === "owner" || (one !== "user" && one.group !== undefined)) return null
    people.add(one === "user" ? one : JSON.stringify([one.issuer, one.subject]))
  }
  return people.size
}

function owners({ approvers, agents }: Policies): Problem[] {
  const { approvals, owners } = approvers.value
  const registered = new Set(agents.value.agents.map(({ owner }) => owner))
  const unknown = Object.keys(owners).flatMap((owner) => {
    if (registered.has(owner)) return []
    const fix = suggest(owner, registered, "Name an `owner` of agents.yaml.")
    return [approvers.keyError(["owners", owner], `no agent is owned by \`${owner}\``, fix)]
  })
  const missing = [...registered].find((owner) => !Object.hasOwn(owners, owner))
  const ownerApprovals = approvals.flatMap(({ approvers: listed }, index) => {
    const at = listed.indexOf("owner")
    return at < 0 || missing === undefined ? [] : [{ path: ["approvals", index, "approvers", at], missing }]
  })
  return [
    ...unknown,
    ...ownerApprovals.map(({ path, missing: owner }) => {
      const message = `nobody is known to be \`${owner}\`, which owns an agent`
      return approvers.error(path, message, `Say who that is: \`owners: { ${owner}: [{ issuer: …, group: … }] }\`.`)
    }),
  ]
}

function askers({ guardrails, approvers }: Policies): Problem[] {
  const names = approvers.value.approvals.map(({ name }) => name)
  return entriesOf(guardrails.value).flatMap(({ path, entry: { then, approval } }) => {
    if (approval === undefined) return []
    const at = [...path, "approval"]
    if (then !== "approve") {
      const fix = "Write `then: approve`, or remove it."
      return [guardrails.error(at, `\`approval\` has no effect with \`then: ${then}\``, fix)]
    }
    if (names.includes(approval)) return []
    return [unknownName(guardrails, at, "approval", approval, names, "Add it to approvers.yaml.")]
  })
}
