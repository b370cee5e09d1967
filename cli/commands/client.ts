/** `narrowgate client config`: what to paste into an MCP client, from its page in docs/guides/clients. */
import type { Command } from "commander"
import { suggest } from "../../src/core/encoding/nearest.ts"
import type { McpServer } from "../../src/core/catalog/mcp-server.ts"
import { agentEntry, clientPages, filledClient, type ClientPage } from "../guides/client-page.ts"
import { namedAlone, printed } from "../guides/page.ts"
import { policiesIn } from "../guides/policies.ts"
import { CALLED } from "../terminal/program-name.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { workerOption } from "./worker-options.ts"
import { policiesOption } from "../terminal/options.ts"

interface ConfigOptions {
  readonly url: string
  readonly policies: string
  readonly server?: string
  readonly agent?: string
  readonly json?: boolean
}

export function addClient(program: Command): void {
  program
    .command("client")
    .description("set up an MCP client for a server of the catalog")
    .addHelpText("after", `\nExample:\n  ${CALLED} client config claude-code --server desk\n`)
    .command("config")
    .description("print what to paste into an MCP client, and the entry of agents.yaml that it needs")
    .argument("<NAME>", "the client, such as claude-code, cursor or vscode: a page of docs/guides/clients")
    .option("--server <NAME>", "the MCP server in catalog.yaml (default: the only one)")
    .option("--agent <ID>", "the agent that the client is (default: that of the page)")
    .addOption(policiesOption())
    .addOption(workerOption())
    .option("--json", "print the files as JSON")
    .addHelpText("after", `\nExample:\n  ${CALLED} client config claude-code --server desk\n`)
    .action(config)
}

async function config(name: string, options: ConfigOptions): Promise<void> {
  const pages = await clientPages()
  const page = pages.find((each) => each.name === name)
  if (!page) {
    const names = pages.map((each) => each.name)
    throw new Failure(`no client is called ${name}`, suggest(name, names, `There are ${names.join(", ")}.`), EXIT.usage)
  }
  const { catalog, agents } = await policiesIn(options.policies)
  const server = chosen(catalog.value.servers, options.server)
  const agent = options.agent ?? page.entry.id
  if (agent !== page.entry.id && !page.files.some(({ text }) => text.includes(page.entry.id))) {
    const what = `this configuration of ${name} does not name its agent: the client's own metadata document does`
    throw new Failure(what, `docs/guides/clients/${name}.md says how to give it an id of your own.`, EXIT.usage)
  }
  const url = `${server.origin}${server.path}`
  const values = { server: server.name, url, agent, narrowgate: new URL(options.url).origin }
  const files = filledClient(page, values)
  const isRegistered = agents.value.agents.some(({ id, client, identities }) => id === agent && (client ?? identities))
  const purposes = agents.value.purposes.map((purpose) => purpose.name)
  const missing = isRegistered ? null : agentEntry(page, values, purposes)
  if (options.json) {
    console.log(jsonText({ page: page.name, server: url, agent, files, register: missing }))
    return
  }
  console.log(printed(files))
  console.error(["", ...namedAlone(files), ...notes(page, missing)].join("\n"))
}

function chosen(servers: readonly Pick<McpServer, "name" | "origin" | "path">[], name: string | undefined) {
  const names = servers.map((server) => server.name)
  const [only, ...others] = name === undefined ? servers : servers.filter((server) => server.name === name)
  if (only && others.length === 0) return only
  if (name !== undefined)
    throw new Failure(
      `the catalog has no server ${name}`,
      suggest(name, names, "Add it with `import mcp`."),
      EXIT.usage,
    )
  const what = names.length === 0 ? "the catalog has no MCP server" : `the catalog has ${names.length} MCP servers`
  throw new Failure(
    what,
    names.length === 0 ? "Add one with `import mcp`." : `Name one by --server: ${names.join(", ")}.`,
    EXIT.usage,
  )
}

function notes(page: ClientPage, missing: string | null): readonly string[] {
  const [group] = page.entry.groups
  const register =
    missing === null
      ? []
      : [
          `Add to \`agents\` in agents.yaml, with the groups and purposes that it needs, and publish:\n\n${missing}`,
          `A rule has to permit it too, such as one for \`principal in AgentGroup::"${group}"\`: \`check\` says if none does.`,
        ]
  return [...register, `What to know: docs/guides/clients/${page.name}.md`]
}
