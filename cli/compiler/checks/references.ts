/** What one file names is in another. */
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path, Source } from "../source/source.ts"

/** @param otherwise the fix if no name is similar */
export function unknownName(
  source: Source<unknown>,
  at: Path,
  kind: string,
  name: string,
  names: Iterable<string>,
  otherwise: string,
): Problem {
  return source.error(at, `no ${kind} is called \`${name}\``, suggest(name, names, otherwise))
}

type Issuer = Policies["issuers"]["value"]["issuers"][number]

/** What issuers may be trusted for, and the members of their entries that say so. */
const TRUST = {
  people: { has: ({ users, assertions }: Issuer) => users ?? assertions, add: "`users` or `assertions`" },
  operators: { has: ({ operators }: Issuer) => operators, add: "`operators: {clients: […]}`" },
  workloads: { has: ({ workloads }: Issuer) => workloads, add: "`workloads: {}`" },
} as const

/** An issuer is named that is not there, or not trusted for this. */
export function untrustedIssuer(
  { issuers }: Policies,
  source: Source<unknown>,
  at: Path,
  name: string,
  use: keyof typeof TRUST,
): Problem[] {
  const { has, add } = TRUST[use]
  const able = issuers.value.issuers.filter(has).map(({ id }) => id)
  if (able.includes(name)) return []
  if (!issuers.value.issuers.some(({ id }) => id === name))
    return [unknownName(source, at, "issuer", name, able, "Name an `id` of issuers.yaml.")]
  return [source.error(at, `issuer \`${name}\` is not trusted for ${use}`, `Add ${add} to it in issuers.yaml.`)]
}
