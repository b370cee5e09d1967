/** Two of one name: whichever were taken, somebody meant the other. */
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path, Source } from "../source/source.ts"
import { entriesOf } from "./guardrails.ts"

export function checkDuplicates(policies: Policies): Problem[] {
  const { catalog, agents, issuers, gateways, operators, approvers, streams, receivers, guardrails } = policies
  return [
    ...repeats(catalog, "MCP server", named("servers", catalog.value.servers, "name")),
    ...repeats(catalog, "tool", named("tools", catalog.value.tools, "name")),
    ...repeats(agents, "purpose", named("purposes", agents.value.purposes, "name")),
    ...repeats(agents, "agent", named("agents", agents.value.agents, "id")),
    ...repeats(issuers, "issuer", named("issuers", issuers.value.issuers, "id")),
    ...repeats(issuers, "issuer URL", named("issuers", issuers.value.issuers, "issuer")),
    ...repeats(issuers, "trust domain", named("issuers", issuers.value.issuers, "trust_domain")),
    ...repeats(gateways, "gateway", [
      ...named("gateways", gateways.value.gateways, "id"),
      ...named("queries", gateways.value.queries, "id"),
    ]),
    ...repeats(gateways, "gateway key", askingKeys(gateways.value)),
    ...repeats(operators, "operator", operatorNames(operators.value.operators)),
    ...repeats(streams, "stream", named("streams", streams.value.streams, "id")),
    ...repeats(receivers, "receiver", named("receivers", receivers.value.receivers, "id")),
    ...repeats(approvers, "approval", named("approvals", approvers.value.approvals, "name")),
    ...repeats(guardrails, "guardrail", guardrailIds(guardrails.value)),
    ...listsIn(catalog),
    ...listsIn(agents),
    ...listsIn(issuers),
    ...listsIn(gateways),
    ...listsIn(operators),
    ...listsIn(streams),
    ...listsIn(receivers),
    ...listsIn(approvers),
    ...listsIn(guardrails),
  ]
}

interface Named {
  readonly path: Path
  readonly name: string
}

function repeats(source: Source<unknown>, kind: string, all: readonly Named[]): Problem[] {
  const seen = new Set<string>()
  return all.flatMap(({ path, name }) => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [source.error(path, `${kind} \`${name}\` is there twice`, "Remove or rename one of them.")]
  })
}

function named<Key extends string>(
  list: string,
  items: readonly { readonly [name in Key]?: string }[],
  key: Key,
): Named[] {
  return items.flatMap((item, index) => {
    const name: string | undefined = item[key]
    return name === undefined ? [] : [{ path: [list, index, key], name }]
  })
}

/** Of gateways and query clients together: whose a key is decides what it opens. */
function askingKeys(file: Policies["gateways"]["value"]): Named[] {
  return (["gateways", "queries"] as const).flatMap((list) =>
    file[list].flatMap(({ key_sha256 }, asking) =>
      key_sha256.map((name, index) => ({ path: [list, asking, "key_sha256", index], name })),
    ),
  )
}

/** Of all sections together: a record names a guardrail by its id alone. */
function guardrailIds(guardrails: Policies["guardrails"]["value"]): Named[] {
  return entriesOf(guardrails).map(({ path, entry }) => ({ path: [...path, "id"], name: entry.id }))
}

function operatorNames(operators: Policies["operators"]["value"]["operators"]): Named[] {
  return operators.map(({ issuer, subject }, index) => ({
    path: ["operators", index, "subject"],
    name: `${issuer}|${subject}`,
  }))
}

/** Plain lists of strings, wherever they stand: groups, labels, scopes, origins, methods. */
function listsIn(source: Source<unknown>, value: unknown = source.value, path: Path = []): Problem[] {
  if (typeof value !== "object" || value === null) return []
  const deeper = Object.entries(value).flatMap(([key, member]: [string, unknown]) =>
    listsIn(source, member, [...path, Array.isArray(value) ? Number(key) : key]),
  )
  if (!Array.isArray(value) || path.at(-1) === "key_sha256") return deeper
  const texts = value.flatMap((name: unknown, index) =>
    typeof name === "string" ? [{ path: [...path, index], name }] : [],
  )
  return [...deeper, ...repeats(source, "entry", texts)]
}
