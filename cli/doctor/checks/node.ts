/** Node is as new as this package needs it. */
import { problem, ok, type Finding } from "../finding.ts"
import { isAtLeast, ownManifest } from "../manifest.ts"

export async function checkNode(): Promise<readonly Finding[]> {
  const { engines } = await ownManifest()
  return [judgeNode(process.versions.node, engines.node.slice(2))]
}

export function judgeNode(version: string, wanted: string): Finding {
  if (isAtLeast(version, wanted)) return ok(`Node ${version}`)
  return problem(`Node ${version} is too old`, `Install Node ${wanted} or newer, such as the newest LTS.`)
}
