/** The pages of docs/guides/clients, one for each MCP client: what to paste into it. */
import { stringify } from "yaml"
import { z } from "zod"
import { fill, literally, readPages, type Page, type PageFile, type Replacement } from "./page.ts"

const entrySchema = z.looseObject({ id: z.string(), groups: z.tuple([z.string()]) })

/** Its entry is the one of agents.yaml that the configuration belongs to. */
export type ClientPage = Page<z.infer<typeof entrySchema>>

export async function clientPages(): Promise<readonly ClientPage[]> {
  return readPages("clients", "What to know", entrySchema)
}

export interface ClientValues {
  /** Its name in the catalog. */
  readonly server: string
  /** The URL at which clients reach it through the gateway. */
  readonly url: string
  /** Id of the agent that the client is. */
  readonly agent: string
  /** Origin of the Worker, which is the issuer. */
  readonly narrowgate: string
}

/** The server of the pages. */
const SERVER = "desk"

export function filledClient({ files, entry }: ClientPage, values: ClientValues): readonly PageFile[] {
  const replacements: readonly Replacement[] = [
    [literally(`https://api.example/${SERVER}/mcp`), values.url],
    [literally(entry.id), values.agent],
    [literally("https://narrowgate.example"), values.narrowgate],
    [`\\b${SERVER}\\b`, values.server],
  ]
  return files.map(({ name, text }) => ({ name, text: fill(text, replacements) }))
}

/** The entry to add to agents.yaml, with the tools of the server that the client is for. */
export function agentEntry(
  { entry }: ClientPage,
  { agent, server }: ClientValues,
  purposes: readonly string[],
): string {
  const ceiling = { tools: [`${server}.*:read`], max_sensitivity: "internal" }
  return stringify([{ ...entry, id: agent, ceiling, purposes: purposes.slice(0, 1) }])
}
