/**
 * The description as a page for people. Generators that are kept up unroll each schema with an example of it: fourteen
 * thousand lines, where tables take a thousand.
 */
import type { OpenApiDocument } from "./document.ts"
import { memberRows, typeText } from "./members.ts"
import { OPTIONAL, type Answer } from "./operation.ts"
import { roleRows } from "./roles.ts"
import type { Schema } from "./schema.ts"

export function markdownOf(document: OpenApiDocument): string {
  const { info, tags, paths, components } = document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      title: `${operation["x-any-method"] ? "ANY" : method.toUpperCase()} ${path}`,
      operation,
    })),
  )
  const sections = tags.flatMap(({ name, description }) =>
    [`## ${name}`, description].concat(
      operations
        .filter(({ operation }) => operation.tags.includes(name))
        .flatMap(({ title, operation }) => [`### ${title}`].concat(operationText(operation, document))),
    ),
  )
  return [
    "# HTTP reference",
    "Every endpoint, as the Worker describes it to programs in [openapi.json](openapi.json), which it serves at `/openapi.json`. `npm run openapi` writes this page from `src/api/contract/` and `dev/openapi/`.",
    String(info["description"]),
    "A member, parameter or header whose name ends in `?` may be absent. Read what you know of an answer and leave the rest: a later version may say more.",
    "## Who",
    table(
      ["scheme", "is"],
      Object.entries(components.securitySchemes).map(([name, scheme]) => [`\`${name}\``, schemeText(scheme)]),
    ),
    "## Roles",
    "What each role of `operators.yaml` may do: `approver` includes `viewer`, and `operator` includes both. A rule has to permit the action `manage` as well. A path that is not in this table takes no role.",
    table(["request", "lowest role", "without a role"], roleRows()),
    ...sections,
    "## Headers",
    table(
      ["header", "is"],
      [
        ...new Map(
          Object.entries(components.headers).map(([name, { description }]) => [
            name.replace(OPTIONAL, ""),
            String(description),
          ]),
        ),
      ].map(([name, description]) => [`\`${name}\``, description]),
    ),
    "## Schemas",
    ...Object.entries(components.schemas).flatMap(([name, schema]) => [`### ${name}`].concat(schemaText(schema))),
  ].join("\n\n")
}

function schemeText({ description, in: place, name }: Schema): string {
  const where =
    place === "header" ? `Header \`${String(name)}\`. ` : place === "cookie" ? "A cookie. " : "A bearer token. "
  return where + String(description)
}

type Shared = OpenApiDocument["paths"][string][string]

function operationText(operation: Shared, document: OpenApiDocument): readonly string[] {
  const { summary, description, security, parameters = [], requestBody, responses } = operation
  const schemes = security.flatMap((each) => Object.keys(each)).map((name) => `\`${name}\``)
  const who = schemes.length === 0 ? [] : [`Who: ${schemes.join(" or ")}.`]
  const rows = parameters.map(({ name, in: place, required, description: meaning = "", schema }) => [
    `\`${name}${required ? "" : "?"}\``,
    place,
    typeText(schema),
    meaning,
  ])
  const body = Object.entries(requestBody?.content ?? {}).flatMap(([type, { schema, example }]) =>
    [`Body, \`${type}\`${requestBody?.required ? "" : ", which may be absent"}:`].concat(
      schemaText(schema),
      exampleText(type, example),
    ),
  )
  const answers = Object.entries(responses).map(([status, answer]) => [status, resolved(answer, document)] as const)
  const good = answers.filter(([status]) => Number(status) < 400)
  const bad = answers.filter(([status]) => Number(status) >= 400)
  return [
    [summary, description, ...who].filter((part) => part !== undefined).join(" "),
    ...(rows.length > 0 ? [table(["parameter", "in", "type", "meaning"], rows)] : []),
    ...body,
    ...good.flatMap(([status, answer]) => answerText(status, answer, document)),
    ...(bad.length > 0 ? [`Errors: ${bad.map(([status, answer]) => `${status} ${codesOf(answer)}`).join("; ")}.`] : []),
  ]
}

function resolved(answer: Shared["responses"][string], { components }: OpenApiDocument): Answer {
  if (!("$ref" in answer)) return answer
  const found = components.responses[answer.$ref.split("/").at(-1) ?? ""]
  if (!found) throw new Error(`${answer.$ref} is not there`)
  return found
}

function answerText(status: string, answer: Answer, document: OpenApiDocument): readonly string[] {
  const { description, content } = answer
  const schema = content?.["application/json"]?.schema
  const types = Object.keys(content ?? {}).map((type) => `\`${type}\``)
  const head = `${status}${types.length === 0 ? "" : `, ${types.join(" or ")}`}: ${description}`
  const sent = headerNames(answer, document)
  const of = sent.length === 0 ? [] : [`Headers: ${sent.join(", ")}.`]
  const example = content?.["application/json"]?.example
  return [[head, ...of].join(" "), ...(schema ? schemaText(schema) : []), ...exampleText("application/json", example)]
}

/** A form as it is sent, and JSON on one line, which the formatter breaks. */
function exampleText(type: string, example: unknown): readonly string[] {
  if (example === undefined || example === null) return []
  if (type === "application/json") return [`\`\`\`json\n${JSON.stringify(example, null, 2)}\n\`\`\``]
  const fields = Object.entries(example).map(([name, value]) => `${name}=${String(value)}`)
  return [`\`\`\`\n${fields.join("\n&")}\n\`\`\``]
}

function headerNames({ headers = {} }: Answer, { components }: OpenApiDocument): readonly string[] {
  return Object.entries(headers).map(([name, { $ref }]) => {
    const isThere = components.headers[$ref.split("/").at(-1) ?? ""]?.["required"] === true
    return `\`${name}${isThere ? "" : "?"}\``
  })
}

/** The codes that the body may have; of a body without any, what its description says. */
function codesOf({ description, content }: Answer): string {
  const properties = content?.["application/json"]?.schema["properties"]
  const error = typeof properties === "object" && properties !== null && "error" in properties ? properties.error : null
  const codes = typeof error === "object" && error !== null && "enum" in error ? error.enum : null
  if (Array.isArray(codes)) return codes.map((code) => `\`${code}\``).join(", ")
  return description.replace(/\.$/u, "")
}

function schemaText(schema: Schema): readonly string[] {
  const alternatives = schema["anyOf"]
  if (Array.isArray(alternatives)) {
    const all: readonly Schema[] = alternatives
    return all.flatMap((each, index) => {
      const which = typeof each["description"] === "string" ? ` ${each["description"]}` : ""
      return [`${index === 0 ? "Either" : "Or"}:${which}`].concat(schemaText(each))
    })
  }
  const rows = memberRows(schema)
  if (rows.length === 0) return [`${typeText(schema)}.`]
  const long = rows.filter(({ type }) => type.length > MOST_CHARACTERS)
  return [
    table(
      ["member", "type", "meaning"],
      rows.map(({ name, type, meaning }) => [
        `\`${name}\``,
        type.length > MOST_CHARACTERS ? "see below" : type,
        meaning,
      ]),
    ),
    ...long.map(({ name, type }) => `\`${name}\`: ${type}.`),
  ]
}

/** Of a cell. */
const MOST_CHARACTERS = 160

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}
