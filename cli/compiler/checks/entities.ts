/** Stored entities stand beside those that are made, fit the schema, and say plainly what they refer to. */
import { checkParseEntities, checkParseSchema } from "../source/official-engine.ts"
import { entityStore } from "../../../src/core/policy/cedar/entities.ts"
import type { StoredEntity } from "../../../src/core/policy/cedar/lowered.ts"
import { MADE_TYPES, madeEntities, toCedar, uidText } from "../model/entities.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path } from "../source/source.ts"
import { allTools } from "../model/tools.ts"

export function checkEntities(policies: Policies): Problem[] {
  const { entities } = policies
  const seen = new Set<string>()
  const problems: Problem[] = []
  for (const [index, { uid, attrs, tags }] of entities.value.entries()) {
    const text = uidText(uid)
    if (MADE_TYPES.some((type) => type === uid.type)) {
      const message = `entities of type \`${uid.type}\` are made by Narrowgate itself`
      problems.push(entities.error([index, "uid"], message, "Remove it: change what it is made from instead."))
    } else if (seen.has(text)) {
      problems.push(entities.error([index, "uid"], `\`${text}\` is there twice`, "Remove one of them."))
    }
    seen.add(text)
    problems.push(...implicitReferences(policies, attrs, [index, "attrs"]))
    problems.push(...implicitReferences(policies, tags, [index, "tags"]))
  }
  if (problems.length === 0) problems.push(...schemaFaults(policies))
  return problems.length > 0 ? problems : storeFaults(policies)
}

/** At the edge there is no schema by which a record of `type` and `id` could be seen to be a reference. */
function implicitReferences(policies: Policies, value: unknown, path: Path): Problem[] {
  if (typeof value !== "object" || value === null) return []
  const keys = Object.keys(value)
  if (path.at(-1) !== "__entity" && keys.length === 2 && keys.includes("type") && keys.includes("id")) {
    const message = "this would be a record, not a reference to an entity"
    return [policies.entities.error(path, message, 'Write `{"__entity": {"type": …, "id": …}}`.')]
  }
  return Object.entries(value).flatMap(([key, member]: [string, unknown]) =>
    implicitReferences(policies, member, [...path, Array.isArray(value) ? Number(key) : key]),
  )
}

function schemaFaults({ entities, agents, catalog, schema }: Policies): Problem[] {
  // A schema with an error of its own is reported where rules are lowered.
  if (checkParseSchema(schema).type === "failure") return []
  const made = oneOfEachShape(madeEntities(agents.value, allTools(catalog.value)))
  const problems: Problem[] = []
  const fault = faultOf(made, schema)
  if (fault) {
    const fix =
      "Declare agents and tools as the documentation of schema.cedarschema shows; further attributes must be optional."
    const message = `the schema does not fit the entities that Narrowgate makes: ${fault}`
    problems.push({ file: "schema.cedarschema", line: 1, column: 1, severity: "error", message, fix })
  }
  for (const [index, entity] of entities.value.entries()) {
    const wrong = faultOf([entity], schema)
    if (wrong) problems.push(entities.error([index], wrong, "Make it fit schema.cedarschema."))
  }
  return problems
}

/** Thousands of tools are made alike: the schema fits all of them or none. */
function oneOfEachShape(made: readonly StoredEntity[]): readonly StoredEntity[] {
  const shapes = new Map<string, StoredEntity>()
  for (const one of made) {
    const parents = new Set(one.parents.map(({ type }) => type))
    // An empty list has members of any type.
    const empty = Object.entries(one.attrs).filter(([, value]) => Array.isArray(value) && value.length === 0)
    const shape = JSON.stringify([one.uid.type, ...parents, ...empty.map(([name]) => name)])
    if (!shapes.has(shape)) shapes.set(shape, one)
  }
  return [...shapes.values()]
}

/** What only shows between entities: a cycle. */
function storeFaults({ entities }: Policies): Problem[] {
  try {
    entityStore(entities.value)
    return []
  } catch (fault) {
    const message = fault instanceof Error ? fault.message : "these entities cannot be stored"
    return [entities.error([], message, "Correct the entity that is named.")]
  }
}

function faultOf(stored: readonly StoredEntity[], schema: string): string | undefined {
  const answer = checkParseEntities({ entities: stored.map(toCedar), schema })
  return answer.type === "failure" ? answer.errors.map(({ message }) => message).join("; ") : undefined
}
