/** What is written of the endpoints is what they are: nobody has changed one and left the description behind. */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { Ajv2020, type AnySchemaObject, type ValidateFunction } from "ajv/dist/2020.js"
import { expect, test } from "vitest"
import { openApiDocument } from "../../dev/openapi/document.ts"
import { writeDescription } from "../../dev/openapi/main.ts"
import type { Answer } from "../../dev/openapi/operation.ts"

const ROOT = join(import.meta.dirname, "../..")
const DOCUMENT = openApiDocument("0.0.0")
const OPERATIONS = Object.entries(DOCUMENT.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

test("docs/reference/openapi.json and http.md are what `npm run openapi` writes", async () => {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-openapi-"))
  try {
    await writeDescription(directory)
    const page = join(directory, "http.md")
    const formatter = join(ROOT, "node_modules/oxfmt/bin/oxfmt")
    await promisify(execFile)(process.execPath, [formatter, "--config", join(ROOT, ".oxfmtrc.json"), page])
    for (const name of ["openapi.json", "http.md"]) {
      const [written, fresh] = await Promise.all(
        [join(ROOT, "docs/reference"), directory].map(async (place) => readFile(join(place, name), "utf8")),
      )
      expect(written === fresh, `docs/reference/${name} is stale: npm run openapi`).toBe(true)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test("no cell of a table of the page is longer than 200 characters", async () => {
  const page = await readFile(join(ROOT, "docs/reference/http.md"), "utf8")
  const cells = page.split("\n").flatMap((line) => (line.startsWith("|") ? line.split(/(?<!\\)\|/u) : []))
  expect(cells.map((cell) => cell.trim()).filter((cell) => cell.length > 200)).toEqual([])
})

/** Every schema of the document by where it stands. */
function schemas(): ReadonlyMap<string, unknown> {
  const { components } = DOCUMENT
  const answers = OPERATIONS.flatMap(({ operation }) =>
    Object.entries(operation.responses).flatMap(([status, answer]) =>
      "$ref" in answer ? [] : schemasIn(`${operation.operationId} ${status}`, answer),
    ),
  )
  const requests = OPERATIONS.flatMap(({ operation }) => [
    ...(operation.parameters ?? []).map(({ name, schema }) => [`${operation.operationId} ${name}`, schema] as const),
    ...schemasIn(`${operation.operationId} body`, operation.requestBody ?? {}),
  ])
  const shared = Object.entries(components.responses).flatMap(([name, answer]) => schemasIn(name, answer))
  return new Map<string, unknown>([...Object.entries(components.schemas), ...shared, ...answers, ...requests])
}

function schemasIn(where: string, { content = {} }: Pick<Answer, "content">): (readonly [string, unknown])[] {
  return Object.entries(content).map(([type, { schema }]) => [`${where} ${type}`, schema] as const)
}

const AJV = new Ajv2020({ strict: true, strictRequired: true })
AJV.addVocabulary(["components"]).addSchema(
  elsewhere({ components: { schemas: DOCUMENT.components.schemas } }),
  "document",
)

function validatorOf(schema: unknown): ValidateFunction {
  return AJV.compile(elsewhere(schema))
}

/** With references to the document from outside it. */
function elsewhere(schema: unknown): AnySchemaObject {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components'))
}

test("each schema is a schema of JSON Schema 2020-12, and whatever it refers to is there", () => {
  const all = schemas()
  expect(all.size).toBeGreaterThan(200)
  for (const [where, schema] of all) expect(() => validatorOf(schema), where).not.toThrow()
})

test("each example is what its schema describes, and has no other members", () => {
  const contents = OPERATIONS.flatMap(({ operation: { operationId, requestBody, responses } }) => {
    const { "200": good } = responses
    return [requestBody?.content, good && !("$ref" in good) ? good.content : undefined].flatMap((content) =>
      Object.values(content ?? {}).map(({ schema, example }) => ({ operationId, schema, example })),
    )
  }).filter(({ example }) => example !== undefined)
  expect(contents.length).toBeGreaterThan(20)
  for (const { operationId, schema, example } of contents) {
    const validate = validatorOf(closed(schema))
    expect(validate(example) ? null : validate.errors, operationId).toBe(null)
  }
})

/** Where members are named, no others are allowed. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== "object" || schema === null) return schema
  const own = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]))
  return typeof own["properties"] === "object" ? { ...own, additionalProperties: false } : own
}

test("no pattern has what only JavaScript can read", () => {
  const patterns = JSON.stringify([...schemas()]).matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/gu)
  const found = Array.from(patterns, ([, pattern = ""]) => pattern)
  expect(found).not.toEqual([])
  expect(found.filter((pattern) => /\\p\{|\(\?[<!]/iu.test(pattern))).toEqual([])
})

test("each operation has a name of its own, a sentence, a tag and credentials that are described, and its parameters", () => {
  const names = OPERATIONS.map(({ operation }) => operation.operationId)
  expect(names.filter((name, index) => !/^[a-z][A-Za-z]+$/u.test(name) || names.indexOf(name) !== index)).toEqual([])
  const tags = DOCUMENT.tags.map(({ name }) => name)
  const credentials = Object.keys(DOCUMENT.components.securitySchemes)
  for (const { path, operation } of OPERATIONS) {
    const { operationId, summary, security, parameters = [] } = operation
    expect(summary, operationId).toMatch(/^[A-Z].*\.$/u)
    expect(tags, operationId).toEqual(expect.arrayContaining([...operation.tags]))
    expect(credentials, operationId).toEqual(expect.arrayContaining(security.flatMap((each) => Object.keys(each))))
    const inPath = parameters.filter(({ in: place }) => place === "path").map(({ name }) => name)
    expect(inPath, operationId).toEqual(Array.from(path.matchAll(/\{(\w+)\}/gu), ([, name]) => name))
    for (const { name, description } of parameters) expect(description ?? "", `${operationId} ${name}`).not.toBe("")
  }
})
