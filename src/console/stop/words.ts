/** What the API says of what is stopped, and how it is told. */
import type { Stop } from "../../api/contract/revocations.ts"

/** What may be stopped from the page; a key is pulled by whoever runs this, on the command line. */
export const KINDS = ["agent", "user", "tool", "task", "everything"] as const
export type Kind = (typeof KINDS)[number]

export const CHOICES = {
  agent: "An agent",
  user: "A person",
  tool: "A tool, or several",
  task: "A task",
  everything: "Everything",
} as const satisfies Record<Kind, string>

export function isKind(text: string | null | undefined): text is Kind {
  return KINDS.some((kind) => kind === text)
}

/** `the agent spiffe://…` */
export function stoppedText({ agent, user, tool, key }: Stop): string {
  if (agent !== undefined) return `the agent ${agent}`
  if (user !== undefined) return `the person ${user}`
  if (tool !== undefined) return `the tool ${tool}`
  return key === undefined ? "everything" : `the signing key ${key}`
}

/** What no longer happens, so that nobody has to guess before they press the button. */
export const CONSEQUENCES = {
  agent: "No call in which it takes part is let through, it gets no token, and neither does what works for it.",
  user: "No call on their behalf is let through, and nobody gets a token to act for them.",
  tool: "No call of it is let through, whoever asks.",
  task: "It ends, with all tasks below it, at once and for good.",
  everything: "No call of any agent is let through, and no token is issued, until the switch is lifted.",
} as const satisfies Record<Kind, string>
