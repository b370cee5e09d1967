/**
 * Whose earlier calls a guardrail looks at: those of the task tree; those of the calling agent, in all of its trees for
 * the same user; of each agent of the call's chain (`chain`); or of all agents for the user. A history that is wider
 * than the tree is what no new task begins anew.
 */
export type History = "tree" | "agent" | "chain" | "user"
