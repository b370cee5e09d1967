/** docs/reference/clients.md: the table of what each client does, as the tests of this folder see it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { table } from "../../dev/reference/table.ts"
import { COLUMNS, GRANTS, type Line } from "./row.ts"
import { QUESTIONS } from "./rows/authzen.ts"
import { AUTHZEN_CLIENTS, BEGINNERS_CLIENTS, CLIENTS, OAUTH_CLIENTS } from "./table.ts"

/** The exact version that a manifest of this folder names. */
function versionOf([manifest, name]: Line<string>["version"]): string {
  const text = readFileSync(join(import.meta.dirname, manifest), "utf8")
  const [, version] =
    new RegExp(`(?<![\\w./@-])${RegExp.escape(name)}(?![\\w-])\\D*(\\d[\\w.-]*)`, "u").exec(text) ?? []
  if (version === undefined) throw new Error(`${manifest} names no version of ${name}`)
  return version
}

/** Reasons stand below the table, by a number. */
function matrix<Of extends string>(lines: readonly Line<Of>[], columns: ReadonlyMap<Of, string>): string {
  const reasons: string[] = []
  const cell = (line: Line<Of>, column: Of): string => {
    const reason = line.misses[column]?.reason
    if (reason === undefined) return "yes"
    if (!reasons.includes(reason)) reasons.push(reason)
    return `no (${reasons.indexOf(reason) + 1})`
  }
  const rows = lines.map((line) => [
    line.title,
    versionOf(line.version),
    ...[...columns.keys()].map((column) => cell(line, column)),
  ])
  const numbered = reasons.map((reason, at) => `${at + 1}. ${reason}`).join("\n")
  const parts = [table(["client", "version", ...columns.values()], rows), numbered]
  return parts.filter((part) => part !== "").join("\n\n")
}

export function clientsPage(): string {
  return `# Clients

Clients that others wrote and publish, unmodified, in their default configuration, with these exact versions: through
Envoy as [its page](../guides/gateways/envoy.md) configures it. \`npm run test:clients\` runs them all; what a client
cannot do is asserted too, by what it then says. This page is written by \`npm run test:clients -- -u\`.

## MCP

Each client is known by its Client ID Metadata Document. It begins without a token, and its user signs in and consents
at a browser.

Claude Code and Codex get their model's answers from a program of these tests, which calls the tool that it is told to.
They are driven as programs drive them (\`claude -p\` with its streams, \`codex app-server\`): their host shows their user
what they ask.

- **401 to a call**: from the challenge through the metadata to a token and an allowed call
- **denial survived**: a call that a policy denies; the next one works in the same session
- **told why**: what the client shows of that denial, to the model or the developer, says why, and
  [\`denialOf\`](../guides/agents.md#when-a-call-is-denied) finds it there
- **approval awaited**: a call that a person has to approve of; the client's user, or its model, is told where, and it
  is repeated and allowed
- **approval by a dialog**: such a call once more; the client shows its user the page by itself, and goes on with the
  call when a person has approved of it
- **step-up**: a call beyond the token's scope; the client obtains more and repeats it
- **resources, prompts**: both are listed, a resource is read and a prompt is got

${matrix(CLIENTS, COLUMNS)}

These also went through the [local stack](../guides/quickstart.md)'s own gateway, to the same end:

${BEGINNERS_CLIENTS.map(({ title }) => `- ${title}`).join("\n")}

## OAuth

The client with a key has \`audience: token_endpoint\` in [agents.yaml](policy-files.md#agentsyaml), because Authlib and
Nimbus name the token endpoint as the \`aud\` of their assertions, and not the issuer.

${matrix(OAUTH_CLIENTS, GRANTS)}

## AuthZEN

A question [about policy](../guides/authzen.md#about-policy) that is answered by yes, and one that is answered by no.

${matrix(AUTHZEN_CLIENTS, QUESTIONS)}
`
}
