/**
 * Who may approve a call: the approvers that approvers.yaml lists under the name of the approval, or any operator if it
 * has no name. A person's own token identifies them, never an agent's. Pure.
 */
import type { ApprovalDefinition, Approving } from "../policy/definition/approvers.ts"
import { userId, type UserFacts } from "../policy/principals.ts"
import type { Approval, InboxOf } from "./approval.ts"

/** The approvers as the bundle defines them. */
export interface Approvers {
  /** By name. */
  readonly approvals: ReadonlyMap<string, ApprovalDefinition>
  /** The people that an owner in agents.yaml stands for. */
  readonly owners: ReadonlyMap<string, readonly Approving[]>
}

/** A person, as their own token identifies them; at least one member is not null. */
export interface ApproverIdentity {
  /** Null if their token's claims about a person are not known. */
  readonly person: UserFacts | null
  /** An operator who may approve calls: issuer and subject, joined by `|`. */
  readonly operator: string | null
  /** The user for whom agents may work by another token than this. Null if there is no other than `person`. */
  readonly asUser: string | null
}

/** A person counts as one approver, in whatever capacity they approve. */
export function approverName({ person, operator }: ApproverIdentity): string {
  return person ? userId(person) : (operator ?? "")
}

/** Why a person may not approve: the task is their own, only operators may, or only others may. */
export type NotApprover = "own" | "no operator" | "stranger"

/**
 * @param owner of the agent that calls
 * @param user of the task
 */
export function whyNotApprover(
  { approvals, owners }: Approvers,
  { name }: Pick<Approval, "name">,
  owner: string | null,
  user: string | null,
  answering: ApproverIdentity,
): NotApprover | null {
  const { person, operator, asUser } = answering
  const isOwn = user !== null && [approverName(answering), operator, asUser].includes(user)
  const definition = name === null ? null : (approvals.get(name) ?? null)
  if (isOwn && !definition?.own) return "own"
  if (name === null) return operator === null ? "no operator" : null
  if (!definition || !person) return "stranger"
  const approving = approvingOf(definition, owners, owner)
  const isListed = approving.some((one) => isMatch(one, person))
  const isTheUser = isOwn && definition.approvers.some(({ kind }) => kind === "user")
  return isListed || isTheUser ? null : "stranger"
}

function approvingOf(
  { approvers }: ApprovalDefinition,
  owners: Approvers["owners"],
  owner: string | null,
): readonly Approving[] {
  return approvers.flatMap((one) => {
    if (one.kind === "owner") return owner === null ? [] : (owners.get(owner) ?? [])
    return one.kind === "user" ? [] : [one]
  })
}

function isMatch(one: Approving, { issuer, subject, groups }: NonNullable<ApproverIdentity["person"]>): boolean {
  if (one.issuer !== issuer) return false
  return one.kind === "group" ? groups.includes(one.group) : one.subject === subject
}

export function inboxesFor(
  { approvals, owners }: Approvers,
  name: string | null,
  owner: string | null,
  user: string | null,
): readonly InboxOf[] {
  if (name === null) return ["operators"]
  const definition = approvals.get(name)
  if (!definition) return []
  const isUsers = user !== null && definition.approvers.some(({ kind }) => kind === "user")
  return [
    ...approvingOf(definition, owners, owner).map((one) =>
      one.kind === "group" ? { issuer: one.issuer, group: one.group } : { user: userId(one) },
    ),
    ...(isUsers ? [{ user }] : []),
  ]
}

/** The inboxes of a person; of their groups only those that are approvers. */
export function inboxesOf(
  { approvals, owners }: Approvers,
  { person, operator }: ApproverIdentity,
): readonly InboxOf[] {
  const approvers = [...[...approvals.values()].flatMap(({ approvers }) => approvers), ...[...owners.values()].flat()]
  const groups = new Set(
    approvers.flatMap((one) => (one.kind === "group" && person && isMatch(one, person) ? [one.group] : [])),
  )
  return [
    ...(person ? [{ user: userId(person) }] : []),
    ...(person ? [...groups].map((group) => ({ issuer: person.issuer, group })) : []),
    ...(operator === null ? [] : (["operators"] as const)),
  ]
}
