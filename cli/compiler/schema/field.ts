/** What calls are distinguished by: in `per`, `same`, `where` and `of` of guardrails.yaml. */
import { z } from "zod"
import { FIELDS, type ArgumentField, type Field } from "../../../src/core/guardrails/definition.ts"
import { argumentName } from "./values.ts"

const ARGUMENT = "arguments."
const KNOWN = FIELDS.map((field) => `\`${field}\``).join(", ")
/** As an editor completes it. */
const AS_JSON = { anyOf: [{ enum: [...FIELDS] }, { pattern: "^arguments\\." }] }
/** Keys that agree on more than so many fields agree on next to nothing. */
const MOST_FIELDS = 6

export const field = read(fieldOf, "not a field of a call", `Write one of ${KNOWN}, or \`arguments.<name>\`.`).meta(
  AS_JSON,
)

export const argumentField = read(
  argumentFieldOf,
  "not an argument",
  "Write `arguments.` and the argument's name, such as `arguments.amount`.",
)

/** A field alone is a list of it. */
const single = read(
  (text): readonly Field[] | undefined => {
    if (text === "everything") return []
    const field = fieldOf(text)
    return field && [field]
  },
  "not what calls can be counted by",
  `Write one of ${KNOWN}, \`arguments.<name>\`, a list of them, or \`everything\`.`,
).meta({ anyOf: [{ enum: ["everything", ...FIELDS] }, { pattern: "^arguments\\." }] })

/** What calls have to share to share a count; empty: nothing. */
export const per = z.union([single, z.array(field).min(1).max(MOST_FIELDS)], {
  error: "neither a field nor a list of them",
})

export function fieldOf(text: string): Field | undefined {
  return FIELDS.find((field) => field === text) ?? argumentFieldOf(text)
}

function argumentFieldOf(text: string): ArgumentField | undefined {
  const name = text.startsWith(ARGUMENT) ? text.slice(ARGUMENT.length) : ""
  return argumentName.safeParse(name).success ? `arguments.${name}` : undefined
}

function read<Value>(parse: (text: string) => Value | undefined, message: string, fix: string) {
  return z
    .string()
    .transform((text, context) => {
      const value = parse(text)
      if (value !== undefined) return value
      context.addIssue({ code: "custom", message, params: { fix }, input: text })
      return z.NEVER
    })
    .describe(fix)
}
