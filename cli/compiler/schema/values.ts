/** The values that several files of `policies/` are made of, each with what to write instead of a wrong one. */
import { z } from "zod"
import { isLoopback } from "../../../src/core/encoding/url.ts"
import { isPattern, parseScope } from "../../../src/core/catalog/pattern.ts"
import { isEntityType } from "../../../src/core/policy/cedar/values/value.ts"
import { hasUnseen } from "../../../src/core/encoding/display-text.ts"

/**
 * A string that passes `test`. `message` and `fix` address the author of the file; an editor shows the fix while
 * the value is written.
 */
export function text(test: (value: string) => boolean, message: string, fix: string) {
  return z.string().refine(test, { error: message, params: { fix } }).describe(fix)
}

/** Of a `refine`: it has something to say only where nothing was wrong before. */
export const WHERE_FINE = { when: ({ issues }: { readonly issues: readonly unknown[] }) => issues.length === 0 }

/** Names that people give: ids, groups, purposes, owners, environments. */
export const name = text(
  (value) => /^[^\s"'`\\|](?:[^\n\r\t"'`\\|]{0,254}[^\s"'`\\|])?$/u.test(value),
  "not a usable name",
  "Write 1 to 256 characters without quotes, backslashes, `|` or line breaks.",
)

/** For people to read, on one line; nothing in it may be hidden, or turn what stands beside it round. */
export const sentence = text(
  (value) => /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,300}$/u.test(value) && !hasUnseen(value),
  "not a line that can be shown",
  "Write 1 to 300 characters on one line, none of them invisible.",
)

export const toolName = text(
  (value) => isPattern(value) && value.includes(".") && !value.includes("*"),
  "not a tool name",
  "Write `server.tool`: segments of letters, digits, `_` and `-`, joined by dots.",
)

export const promptName = text(
  (value) => value.length > 0 && value.length <= 256 && !hasUnseen(value),
  "not the name of a prompt",
  "Write the server's own name of the prompt: 1 to 256 characters on one line, none of them invisible.",
)

export const serverName = text(
  (value) => isPattern(value) && !value.includes(".") && !value.includes("*"),
  "not a server name",
  "Write one segment of letters, digits, `_` and `-`: it begins the names of the server's tools.",
)

export const toolPattern = text(
  isPattern,
  "not a tool pattern",
  "Write a tool's name, `prefix.*` for all below it, or `*`.",
)

export const scope = text(
  (value) => parseScope(value) !== null,
  "not a scope",
  "Write `<tool or prefix.*>:<read|write|execute>`.",
).meta({ pattern: ":(?:read|write|execute)$" })

export const label = text(
  (value) => /^[a-z0-9_-]+(?::[a-z0-9_-]+)*$/u.test(value),
  "not a label",
  "Write lower-case words joined by colons, such as `reads:confidential`.",
)

export const argumentName = text(
  (value) => /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/u.test(value),
  "not an argument name",
  "Write the argument's name: letters, digits, `_`, `-` and `.`, beginning with a letter.",
)

export const origin = text(
  (value) => isWebUrl(value) && new URL(value).origin === value,
  "not an origin",
  "Write scheme, host and port alone, such as `https://api.example`, in lower case and without a default port.",
)

/** Trusted keys and tokens come from there, so nobody on the way may change them; loopback has no way. */
export const trustedUrl = text(
  (value) => isWebUrl(value) && (value.startsWith("https:") || isLoopback(new URL(value))),
  "not a URL that can be trusted",
  "Write an `https://` URL; `http://` is for a loopback host only.",
)

export const headerName = text(
  (value) => /^[a-z0-9-]{1,64}$/u.test(value),
  "not a header name",
  "Write the header's name in lower case.",
)

export const cedarType = text(
  isEntityType,
  "not a Cedar type",
  "Write the type's name as schema.cedarschema has it, namespace included: `Files::Document`.",
)

function isWebUrl(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/u.test(url.protocol) && url.username === "" && url.hash === "" && !/\s/u.test(value)
}

/** An entity, as in Cedar's JSON formats. */
export const entityUid = z.strictObject({
  type: z.string().min(1).describe("The Cedar type of the entity, with its namespace."),
  id: z.string().describe("The id of the entity."),
})
