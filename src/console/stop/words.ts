/** What can be suspended or ended, in the words of the pages. */
import type { Stop } from "../../api/contract/revocations.ts"

/** What the page can suspend. A signing key is revoked on the command line, with the deployment at hand. */
export const KINDS = ["agent", "user", "issuer", "tool", "task", "everything"] as const
export type Kind = (typeof KINDS)[number]

export const CHOICES = {
  agent: "Agent",
  user: "Person",
  issuer: "Identity provider",
  tool: "Tools",
  task: "Task",
  everything: "Everything",
} as const satisfies Record<Kind, string>

/** The title and the button of the confirmation. */
export const ACTIONS = {
  agent: "Suspend agent",
  user: "Suspend person",
  issuer: "Suspend identity provider",
  tool: "Suspend tools",
  task: "End task",
  everything: "Suspend everything",
} as const satisfies Record<Kind, string>

export function isKind(text: string | null | undefined): text is Kind {
  return KINDS.some((kind) => kind === text)
}

/** `the agent spiffe://…` */
export function suspendedText({ agent, user, issuer, tool, key }: Stop): string {
  if (agent !== undefined) return `the agent ${agent}`
  if (user !== undefined) return `the person ${user}`
  if (issuer !== undefined) return `the identity provider ${issuer}`
  if (tool !== undefined) return `the tool ${tool}`
  return key === undefined ? "everything" : `the signing key ${key}`
}

/** What a suspension does, which its confirmation says. */
export const CONSEQUENCES = {
  agent: "Calls by this agent, and by agents that it delegates to, are denied, and none of them gets a token.",
  user: "Calls on behalf of this person are denied, and no agent gets a token to act for them. Their tasks do not go on afterwards.",
  issuer:
    "Everyone who logs in at this identity provider is suspended: calls on their behalf are denied, no agent gets a token to act for them, and as operators or approvers they can do nothing. Their tasks do not go on afterwards. Agents whose own tokens it issues go on.",
  tool: "Calls of these tools are denied, for every agent.",
  task: "The task and its sub-tasks end at once. Their tokens stop working. This cannot be undone.",
  everything: "All agent calls are denied and no tokens are issued until an operator resumes.",
} as const satisfies Record<Kind, string>
