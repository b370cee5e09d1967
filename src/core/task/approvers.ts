/**
 * Who may answer a question about a call: those whom approvers.yaml lists under the name that it was asked by, or where
 * it was asked by none, any operator. Told by a person's own token, never by an agent's. Pure.
 */
import type { ApprovalDefinition, Approving } from "../policy/definition/approvers.ts"
import { userId, type UserFacts } from "../policy/principals.ts"
import type { Approval, InboxOf } from "./approval.ts"

/** How the bundle has them. */
export interface Approvers {
  /** By name. */
  readonly approvals: ReadonlyMap<string, ApprovalDefinition>
  /** Who is meant by an owner of agents.yaml. */
  readonly owners: ReadonlyMap<string, readonly Approving[]>
}

/** Who comes with a person's own token; at least one is not null. */
export interface Answering {
  /** Null where it is not known what their token says of a person. */
  readonly person: UserFacts | null
  /** An operator who may answer questions: issuer and subject, joined by `|`. */
  readonly operator: string | null
  /** Whom agents may work for by another token than this; null: no other than `person`. */
  readonly asUser: string | null
}

/** One who answers is one, in whatever capacity. */
export function nameOf({ person, operator }: Answering): string {
  return person ? userId(person) : (operator ?? "")
}

/** Why they may not: the task is theirs, it is asked of operators, or of others. */
export type NotAsked = "own" | "no operator" | "stranger"

/**
 * @param owner of the agent that calls
 * @param user whose task it is
 */
export function whyNotAsked(
  { approvals, owners }: Approvers,
  { name }: Pick<Approval, "name">,
  owner: string | null,
  user: string | null,
  answering: Answering,
): NotAsked | null {
  const { person, operator, asUser } = answering
  const isOwn = user !== null && [nameOf(answering), operator, asUser].includes(user)
  const definition = name === null ? null : (approvals.get(name) ?? null)
  if (isOwn && !definition?.own) return "own"
  if (name === null) return operator === null ? "no operator" : null
  if (!definition || !person) return "stranger"
  const approving = approvingOf(definition, owners, owner)
  const isListed = approving.some((one) => isMeant(one, person))
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

function isMeant(one: Approving, { issuer, subject, groups }: NonNullable<Answering["person"]>): boolean {
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

/** Those of a person: of their groups only such as anybody is asked by. */
export function inboxesOf({ approvals, owners }: Approvers, { person, operator }: Answering): readonly InboxOf[] {
  const approvers = [...[...approvals.values()].flatMap(({ approvers }) => approvers), ...[...owners.values()].flat()]
  const groups = new Set(
    approvers.flatMap((one) => (one.kind === "group" && person && isMeant(one, person) ? [one.group] : [])),
  )
  return [
    ...(person ? [{ user: userId(person) }] : []),
    ...(person ? [...groups].map((group) => ({ issuer: person.issuer, group })) : []),
    ...(operator === null ? [] : (["operators"] as const)),
  ]
}
