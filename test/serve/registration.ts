/** Policies by which clients may register themselves: the log then says from which network they came. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseDocument } from "yaml"

const REGISTRATION = {
  class: "mcp",
  owner: "bench",
  ceiling: { tools: ["crm.tickets.*:read"], max_sensitivity: "internal" },
  purposes: ["triage-ticket"],
}

// JSON is YAML.
export async function withRegistration(policies: string): Promise<void> {
  const agents = parseDocument(await readFile(join(policies, "agents.yaml"), "utf8"))
  agents.set("registration", REGISTRATION)
  await writeFile(join(policies, "agents.yaml"), agents.toString())
}
