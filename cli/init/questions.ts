/** What `narrowgate init` needs to know: from a flag, a prompt or a suggestion; checked as the policies will be. */
import type { z } from "zod"
import { EXIT, Failure } from "../terminal/failure.ts"
import { agentId } from "../compiler/schema/agents.ts"
import { name, origin, serverName } from "../compiler/schema/values.ts"
import { askText } from "../terminal/prompts.ts"

export interface InitPrompt {
  readonly flag: string
  readonly message: string
  readonly schema: z.ZodType<string>
}

export const QUESTIONS = {
  server: {
    flag: "--server",
    message: "A short name for it: the first segment of its tools' names",
    schema: serverName,
  },
  agent: { flag: "--agent", message: "The agent that may call it: its SPIFFE ID, or an https:// URI", schema: agentId },
  owner: { flag: "--owner", message: "Who answers for the agent: a team", schema: name },
  purpose: { flag: "--purpose", message: "What the agent does with it: the name of a purpose", schema: name },
  group: {
    flag: "--group",
    message: "The group of people on whose behalf it may (the local stack has `support`)",
    schema: name,
  },
  origin: { flag: "--origin", message: "Where agents call the gateway: its public origin", schema: origin },
} satisfies Readonly<Record<string, InitPrompt>>

/** @param initial the default; null if an answer is required */
export async function answerTo(
  question: InitPrompt,
  flag: string | undefined,
  initial: string | null,
  isAsked: boolean,
): Promise<string> {
  if (flag === undefined && isAsked) return askText(question.message, initial ?? "", (text) => wrong(question, text))
  const answer = flag ?? initial
  if (answer === null) throw new Failure(`\`${question.flag}\` is missing`, `${question.message}.`, EXIT.usage)
  const problem = wrong(question, answer)
  if (problem === undefined) return answer
  throw new Failure(`\`${question.flag}\`: ${problem}`, "See --help.", EXIT.usage)
}

function wrong({ schema }: InitPrompt, text: string): string | undefined {
  const [issue] = schema.safeParse(text).error?.issues ?? []
  if (!issue) return undefined
  const fix: unknown = issue.code === "custom" ? issue.params?.["fix"] : undefined
  return typeof fix === "string" ? `${issue.message}. ${fix}` : issue.message
}
