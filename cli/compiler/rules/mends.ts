/** What to do about errors of the official engine, where its own help does not say it for policies of Narrowgate. */
import { nearest } from "../../../src/core/encoding/nearest.ts"

export const MEND_TYPES = "make the rule agree with the schema, or the schema with the rule"

/** @param message of the official engine */
export function helpFor(message: string): string | undefined {
  return HELP.find(([pattern]) => pattern.test(message))?.[1] ?? typeHelp(message)
}

const HELP: readonly (readonly [RegExp, string])[] = [
  [
    /extension constructors may not be called/,
    "Cedar converts texts of rules only: declare an amount as decimal in schema.cedarschema, and compare it as it is; an address or a date of a call is text, for `like` and `==`",
  ],
  [
    /expected Long but saw decimal|the types (?:Long and decimal|decimal and Long) are not compatible/,
    'compare a decimal by methods, .lessThan(decimal("20.0")), .lessThanOrEqual(…), .greaterThan(…), .greaterThanOrEqual(…), or by == with a decimal; or declare the argument as Long in schema.cedarschema',
  ],
]

const TYPES = ["String", "Long", "Bool", "Set", "decimal", "ipaddr", "datetime", "duration"]

function typeHelp(message: string): string | undefined {
  const type = /failed to resolve type: (\w+)$/.exec(message)?.[1]
  const near = type === undefined ? undefined : nearest(type, TYPES)
  return near === undefined ? undefined : `did you mean \`${near}\`?`
}

/** Cedar reads `1.5` as a member of `1`. */
export function syntaxMend(errors: readonly { readonly message: string }[], text: string): string {
  const isFraction = errors.some(({ message }) => /^unexpected token `\d/u.test(message)) && /\d\.\d/u.test(text)
  return isFraction
    ? 'write decimal("49.99") for 49.99, of an argument that the schema declares as decimal, and compare by .lessThan(…)'
    : "correct the syntax"
}
