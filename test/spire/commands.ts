/** Where SPIRE is installed, if it is. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

export interface Commands {
  readonly server: string
  readonly agent: string
}

const SERVER = "spire-server"
const AGENT = "spire-agent"

/** Their paths, or which of them are not on the PATH, for people. */
export function findCommands(): Commands | { readonly missing: string } {
  const server = onPath(SERVER)
  const agent = onPath(AGENT)
  if (server !== null && agent !== null) return { server, agent }
  if (server === null && agent === null) return { missing: `${SERVER} and ${AGENT} are not on the PATH` }
  return { missing: `${server === null ? SERVER : AGENT} is not on the PATH` }
}

function onPath(name: string): string | null {
  const places = (process.env["PATH"] ?? "").split(delimiter).filter((place) => place !== "")
  return places.map((place) => join(place, name)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
