/** An issuer is trusted for something, and for what it is trusted with its tokens can be told apart. */
import { suggest } from "../nearest.ts"
import type { Policies } from "../policies.ts"
import type { Problem } from "../problem.ts"

export function checkIssuers({ issuers, operators }: Policies): Problem[] {
  const problems: Problem[] = []
  for (const [index, issuer] of issuers.value.issuers.entries()) {
    const { users, operators: forOperators, trust_domain: domain, keys } = issuer
    if (!users && !forOperators && domain === undefined) {
      const mend = "Add `users`, `trust_domain` or `operators: {clients: […]}`, or remove the issuer."
      problems.push(issuers.error(["issuers", index, "id"], `issuer \`${issuer.id}\` is trusted for nothing`, mend))
    }
    if (issuer.issuer === undefined && (users || forOperators || keys.discovery)) {
      const why = keys.discovery ? "`keys: {discovery: true}`" : users ? "`users`" : "`operators`"
      const mend = "Add `issuer:` with the exact `iss` of its tokens."
      problems.push(issuers.error(["issuers", index, "id"], `${why} needs \`issuer\``, mend))
    }
  }
  for (const [index, { users, operators: trust }] of issuers.value.issuers.entries()) {
    for (const [place, client] of (trust?.clients ?? []).entries()) {
      if (!users?.clients.includes(client)) continue
      const message = `client \`${client}\` is trusted for users and for operators`
      const mend = "Give operators a client of their own: what a person's app hands to an agent must not manage."
      problems.push(issuers.error(["issuers", index, "operators", "clients", place], message, mend))
    }
  }
  const able = issuers.value.issuers.filter((issuer) => issuer.operators).map(({ id }) => id)
  for (const [index, { issuer }] of operators.value.operators.entries()) {
    if (able.includes(issuer)) continue
    const known = issuers.value.issuers.some(({ id }) => id === issuer)
    const message = known ? `issuer \`${issuer}\` is not trusted for operators` : `no issuer is called \`${issuer}\``
    const mend = known
      ? "Add `operators: {clients: […]}` to it in issuers.yaml."
      : suggest(issuer, able, "Name an `id` of issuers.yaml.")
    problems.push(operators.error(["operators", index, "issuer"], message, mend))
  }
  return problems
}
