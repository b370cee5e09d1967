/** The management API, from its contract. */
import type { z } from "zod"
import { CONTRACT, ENDPOINT_NAMES, type EndpointName } from "../../src/api/contract/contract.ts"
import { errorsOf, type Access, type Body, type Endpoint } from "../../src/api/contract/endpoint.ts"
import { ERRORS } from "../../src/api/contract/errors.ts"
import { FORBIDDEN } from "../../src/api/contract/forbidden.ts"
import { PARAMETERS } from "../../src/api/contract/parameters.ts"
import { NDJSON } from "../../src/core/encoding/ndjson.ts"
import {
  headers,
  errorAnswer,
  inPath,
  json,
  type Answer,
  type Besides,
  type Method,
  type Operation,
  type Parameter,
  type Paths,
} from "./operation.ts"
import { isSchema } from "./members.ts"
import { oneOf, schemaOf, type Schema } from "./schema.ts"

/** Two entries may share a method and a path: who makes the request tells them apart. */
type Entries = readonly (readonly [name: EndpointName, endpoint: Endpoint])[]

export function managementPaths(): Paths {
  const all = ENDPOINT_NAMES.map((name): Entries[number] => [name, CONTRACT[name]])
  const paths: Record<string, Partial<Record<Method, Operation>>> = {}
  for (const [address, entries] of Map.groupBy(all, ([, { method, path }]) => `${method} ${path}`)) {
    const [method = "", path = ""] = address.split(" ")
    const template = path.replaceAll(/:(\w+)/gu, "{$1}")
    paths[template] = { ...paths[template], [method.toLowerCase()]: operationOf(path, entries) }
  }
  return paths
}

function operationOf(path: string, entries: Entries): Operation {
  const endpoints = entries.map(([, endpoint]) => endpoint)
  // The last entry is the one that has no other way in.
  const [name, own] = entries.at(-1) ?? []
  if (name === undefined || !own) throw new Error(`${path} has no entry`)
  const [, , resource = ""] = path.split("/")
  const { body } = own
  return {
    operationId: name,
    tags: [resource],
    summary: own.summary,
    description: [...endpoints.map(({ access }) => whoText(access)), own.details, body?.usage]
      .filter((sentence) => sentence !== undefined)
      .join(" "),
    security: endpoints.flatMap(({ access }) => securityOf(access)),
    parameters: [
      ...pathParameters(path),
      ...endpoints.flatMap(publicationParameters),
      ...endpoints.flatMap(waitParameters),
      ...queryParameters(own),
    ],
    ...(body && { requestBody: { required: !body.isOptional, content: contentOf(body) } }),
    responses: Object.fromEntries([["200", answerOf(endpoints)], ...errorAnswers(endpoints)]),
  }
}

/** A raw one is the handler's to read: it need not be JSON. */
function contentOf({ schema, isRaw }: Body): Answer["content"] & {} {
  const made = schemaOf(schema(), "input")
  return isRaw ? { "application/octet-stream": { schema: { description: made["description"] } } } : json(made)
}

function whoText(access: Access): string {
  switch (access.by) {
    case "operator":
      return `For operators of the role \`${access.role}\` whom policy lets \`manage\` \`Area::"${access.area}"\`.`
    case "task":
      return `For the agent of the task, or of a task above it, by its delegation token; and for operators of the role \`${access.role}\` whom policy lets \`manage\` \`Area::"${access.area}"\`.`
    case "agent":
      return "For the agent of the task, by its delegation token."
    case "approver":
      return `For a person who is asked, by a token of their own; and for operators of the role \`${access.role}\` whom policy lets \`manage\` \`Area::"${access.area}"\`.`
    case "person":
      return "For the person who is asked, by a token of their own."
    case "publisher":
      return access.statement === "history"
        ? "For publishers, by a question that their key has signed."
        : "For publishers, by a statement that their key has signed."
    default:
      return access satisfies never
  }
}

function securityOf({ by }: Access): Operation["security"] {
  switch (by) {
    case "operator":
      return [{ operator: [] }]
    case "task":
      return [{ delegationToken: [] }, { operator: [] }]
    case "agent":
      return [{ delegationToken: [] }]
    case "approver":
      return [{ person: [] }, { operator: [] }]
    case "person":
      return [{ person: [] }]
    case "publisher":
      return [{ publisher: [] }]
    default:
      return by satisfies never
  }
}

function pathParameters(path: string): readonly Parameter[] {
  return Object.entries(PARAMETERS)
    .filter(([name]) => path.split("/").includes(`:${name}`))
    .map(([name, { names }]) => inPath(name, names))
}

function publicationParameters({ access }: Endpoint): readonly Parameter[] {
  if (access.by !== "publisher") return []
  const description = `A JWS by the publisher's key: ${access.statement === "history" ? "the question" : "the statement"}.`
  const required = access.statement === "publication"
  return [{ name: "X-Narrowgate-Publication", in: "header", required, description, schema: { type: "string" } }]
}

function waitParameters({ waits }: Endpoint): readonly Parameter[] {
  if (waits === undefined) return []
  const description = `\`wait=N\`: an agent's request waits up to N seconds, ${waits} at most, for a change (RFC 7240).`
  return [{ name: "Prefer", in: "header", required: false, description, schema: { type: "string" } }]
}

function queryParameters({ query }: Endpoint): readonly Parameter[] {
  if (!query) return []
  const { properties } = schemaOf(query(), "input")
  // Whatever has a default, or makes one of what it cannot read, may be absent.
  const missing = new Set(
    query()
      .safeParse({})
      .error?.issues.map(({ path: [name] }) => name),
  )
  const parameters: Parameter[] = []
  for (const [name, { description, ...schema }] of membersIn(properties)) {
    const parameter = {
      name,
      in: "query",
      required: missing.has(name),
      schema,
    } as const
    parameters.push(typeof description === "string" ? { ...parameter, description } : parameter)
  }
  return parameters
}

function answerOf(endpoints: readonly Endpoint[]): Answer {
  const schemas = endpoints.map(({ answer }) => schemaOf(answer(), "output"))
  const [only] = schemas
  const schema = schemas.length === 1 && only ? only : { anyOf: schemas }
  const waits = endpoints.some(({ waits: most }) => most !== undefined)
  const ofWaits = waits ? (["Retry-After?", "Preference-Applied?"] as const) : []
  const given = headers("X-Narrowgate-Decision", ...ofWaits)
  const isLines = endpoints.some((each) => each.isLines)
  return {
    description: "The request succeeded.",
    headers: given,
    content: isLines ? { [NDJSON]: { schema } } : json(schema),
  }
}

/** Members that each 403 `policy_denied` has. */
export const FORBIDDEN_MEMBERS: Readonly<Record<string, Schema>> = {
  reason: Object.assign({ description: "What is missing." }, oneOf(Object.keys(FORBIDDEN))),
}

function errorAnswers(endpoints: readonly Endpoint[]): readonly (readonly [string, Answer])[] {
  const codes = [...new Set(endpoints.flatMap(errorsOf))]
  return Array.from(
    Map.groupBy(codes, (code) => ERRORS[code].status),
    ([status, of]) => {
      const description = of.map((code) => `\`${code}\`: ${ERRORS[code].when}`).join(" ")
      const members = of.flatMap((code) => endpoints.flatMap(({ errorMembers }) => errorMembers?.[code] ?? []))
      return [
        String(status),
        errorAnswer(status, of, description, {
          members: Object.assign({}, of.includes("policy_denied") && FORBIDDEN_MEMBERS, ...members.map(membersOf)),
          headers: status === 401 ? challengesOf(endpoints) : status === 404 ? retryOf(endpoints) : [],
        }),
      ] as const
    },
  ).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** What a 401 challenges the caller to send; a publisher's statement is none of HTTP's credentials. */
function challengesOf(endpoints: readonly Endpoint[]): Besides["headers"] & {} {
  const isPublishers = endpoints.map(({ access }) => access.by === "publisher")
  if (isPublishers.every(Boolean)) return []
  const nonce = endpoints.some(({ access }) => ["task", "agent"].includes(access.by)) ? (["DPoP-Nonce?"] as const) : []
  return [isPublishers.includes(true) ? "WWW-Authenticate?" : "WWW-Authenticate", ...nonce]
}

function retryOf(endpoints: readonly Endpoint[]): Besides["headers"] & {} {
  return endpoints.some(({ comesLater }) => comesLater) ? ["Retry-After?"] : []
}

/** Not every error of the code has them. */
function membersOf(schema: () => z.ZodObject): Readonly<Record<string, Schema>> {
  const { properties } = schemaOf(schema(), "output")
  return Object.fromEntries(membersIn(properties).map(([name, member]) => [`${name}?`, member]))
}

const membersIn = (properties: unknown): readonly (readonly [string, Schema])[] =>
  isSchema(properties)
    ? Object.entries(properties).flatMap(([name, member]) => (isSchema(member) ? [[name, member] as const] : []))
    : []
