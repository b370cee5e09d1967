/** The JSON Schemas for editors say what `narrowgate check` would say, as far as a schema can. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Ajv, type ValidateFunction } from "ajv"
import { parse } from "yaml"
import { describe, expect, it } from "vitest"
import { policyFilesPage } from "../../../cli/schemas/policy-files-page.ts"
import { hasSchema, jsonSchemas, schemaName } from "../../../cli/schemas/schemas.ts"
import { run } from "./run.ts"

const ROOT = join(import.meta.dirname, "../../..")
const POLICIES = join(ROOT, "policies")

it("are current in the repository: `npm run schemas` makes them", async () => {
  const made = jsonSchemas()
  expect(await readdir(join(ROOT, "schemas"))).toEqual([...made.keys()].toSorted())
  for (const [name, text] of made) expect(await readFile(join(ROOT, "schemas", name), "utf8"), name).toBe(text)
})

it("accept the example's files, each of which names its own", async () => {
  const files = (await readdir(POLICIES)).filter(hasSchema)
  expect(files).toEqual(expect.arrayContaining(["agents.yaml", "catalog.yaml", "gateways.yaml", "issuers.yaml"]))
  for (const file of files) {
    const text = await readFile(join(POLICIES, file), "utf8")
    expect(text, file).toMatch(
      new RegExp(`^# yaml-language-server: \\$schema=\\.\\./schemas/${schemaName(file)}\n`, "u"),
    )
    const validate = validatorOf(file)
    validate(parse(text))
    expect(validate.errors, file).toBeNull()
  }
})

it.each([
  ["an unknown key", "catalog.yaml", "{ tools: [{ name: a.b, action: read, sensitivity: public, costs: 1 }] }"],
  ["a word that is none", "catalog.yaml", "{ tools: [{ name: a.b, action: reed, sensitivity: public }] }"],
  ["a number too high", "guardrails.yaml", "{ windows: [{ id: a, tools: ['*'], per: task, limit: 0, within: 1m }] }"],
  ["what is missing", "gateways.yaml", "{ gateways: [{ id: edge, dialect: envoy }] }"],
  [
    "a scope without an action",
    "agents.yaml",
    "{ purposes: [{ name: p, life: 60, grant: { tools: [a.b], max_sensitivity: public } }], agents: [] }",
  ],
  ["a role that is none", "operators.yaml", "{ operators: [{ issuer: a, subject: b, roles: [admin] }] }"],
  ["keys from nowhere", "issuers.yaml", "{ issuers: [{ id: a, algorithms: [ES256] }] }"],
  ["a link to nothing", "links.yaml", "{ links: [{ id: a }] }"],
])("refuse %s", (_what, file, text) => {
  expect(validatorOf(file)(parse(text))).toBe(false)
})

it("are written where an editor is to find them", async () => {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-schemas-"))
  try {
    const { code, stdout } = await run(directory, ["schemas", "--out", "mine/.schemas", "--json"])
    expect(code).toBe(0)
    const named: unknown = JSON.parse(stdout)
    expect(named).toEqual([...jsonSchemas().keys()].map((name) => join("mine/.schemas", name)))
    expect(await readdir(join(directory, "mine/.schemas"))).toHaveLength(jsonSchemas().size)
  } finally {
    await rm(directory, { recursive: true })
  }
})

it("explain each field", () => {
  const unexplained = [...jsonSchemas()].flatMap(([name, text]) => fieldsWithoutDescription(JSON.parse(text), name))
  expect(unexplained).toEqual([])
})

describe("docs/reference/policy-files.md", () => {
  it("is current: `npm run reference` makes it", async () => {
    expect(await readFile(join(ROOT, "docs/reference/policy-files.md"), "utf8")).toBe(policyFilesPage())
  })

  it("has no table cell that is too long to read", () => {
    const cells = policyFilesPage()
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .flatMap((line) => line.split(/(?<!\\)\|/u))
    expect(cells.filter((cell) => cell.trim().length > 200)).toEqual([])
  })
})

function validatorOf(file: string): ValidateFunction {
  const schema: object = JSON.parse(jsonSchemas().get(schemaName(file)) ?? "")
  return new Ajv({ strict: false, unicodeRegExp: true }).compile(schema)
}

interface Schema {
  readonly description?: string
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly definitions?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
}

function fieldsWithoutDescription(schema: Schema, path: string): readonly string[] {
  const { items, properties = {}, definitions = {}, additionalProperties: members, anyOf = [] } = schema
  return [
    ...Object.entries(properties).flatMap(([name, field]) => [
      ...(field.description === undefined ? [`${path}.${name}`] : []),
      ...fieldsWithoutDescription(field, `${path}.${name}`),
    ]),
    ...Object.entries(definitions).flatMap(([name, each]) => fieldsWithoutDescription(each, `${path}#${name}`)),
    ...(items ? fieldsWithoutDescription(items, `${path}[]`) : []),
    ...(typeof members === "object" ? fieldsWithoutDescription(members, `${path}.*`) : []),
    ...anyOf.flatMap((each) => fieldsWithoutDescription(each, path)),
  ]
}
