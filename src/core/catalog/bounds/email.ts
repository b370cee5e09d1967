/**
 * `email`: the domain of an e-mail address. Only what each reader takes for one address counts: a mailbox of RFC 5321,
 * section 4.1.2, in its plain form, without a name, comments, quotes or an address literal.
 */
import * as z from "zod"
import { domainCovers, isDomain, isDomainPattern, patternImplies } from "./domain.ts"
import { anyOf, eachCovered, LONGEST_ITEM, MOST_ITEMS, outside, unclear, type BoundKind, type Miss } from "./kind.ts"

type Domains = readonly string[]

/** Dot-string of atoms, without `%` and `!`: mail hosts may still route by them (RFC 5321, appendix C). */
const LOCAL_PART = /^[\w#$&'*+\-/=?^`{|}~]+(?:\.[\w#$&'*+\-/=?^`{|}~]+)*$/
const PRINTABLE = /^[\x21-\x7e]*$/
/** RFC 5321, section 4.5.3.1. */
const MOST_OF_LOCAL_PART = 64
const MOST_OF_ADDRESS = 254

/** The domain, in small letters. */
function read(value: unknown): string | Miss {
  if (typeof value !== "string") return unclear("it is no text")
  const at = value.lastIndexOf("@")
  const [local, domain] = [value.slice(0, Math.max(at, 0)), value.slice(at + 1)]
  if (at < 1 || value.length > MOST_OF_ADDRESS || local.length > MOST_OF_LOCAL_PART)
    return unclear("it is no single e-mail address")
  // Readers decode an encoded word (RFC 2047) into an address of another domain.
  if (!LOCAL_PART.test(local) || local.includes("=?")) return unclear("readers differ over its part before the @")
  const folded = domain.toLowerCase()
  // A Kelvin sign in small letters is `k`.
  return PRINTABLE.test(domain) && isDomain(folded) ? folded : unclear("readers differ over its domain")
}

export const email: BoundKind<Domains, string> = {
  definition: z
    .array(
      z
        .string()
        .max(LONGEST_ITEM)
        .refine(isDomainPattern, {
          error: "not a domain",
          params: { fix: "Write `example.org`, or `*.example.org` for what is below it, in small ASCII letters." },
        }),
    )
    .min(1)
    .max(MOST_ITEMS)
    .readonly()
    .describe(
      "The argument is an e-mail address at one of these domains, or a list of such addresses. `*.example.org` stands for what is below `example.org`.",
    ),
  judgesWhole: false,
  isOfObjects: () => false,
  read,
  units: (characters) => 50 + Math.min(characters, MOST_OF_ADDRESS),
  compile: (domains) => ({
    units: 4 * domains.length,
    judge: (domain) => (domains.some((each) => domainCovers(each, domain)) ? null : outside("it is at another domain")),
  }),
  words: (domains) => `is an e-mail address at ${anyOf(domains)}`,
  contradiction: () => null,
  implies: (one, other) => eachCovered(one, other, patternImplies),
}
