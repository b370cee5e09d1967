/** Node is as new as this package needs it. */
import { problem, ok, type Finding } from "../finding.ts"
import { ownManifest } from "../manifest.ts"

export async function checkNode(): Promise<readonly Finding[]> {
  const { engines } = await ownManifest()
  return [judgeNode(process.versions.node, engines.node.slice(2))]
}

export function judgeNode(version: string, wanted: string): Finding {
  if (isAtLeast(numbersOf(version), numbersOf(wanted))) return ok(`Node ${version}`)
  return problem(`Node ${version} is too old`, `Install Node ${wanted} or newer, such as the newest LTS.`)
}

const numbersOf = (version: string): readonly number[] => version.split(".").map((part) => Number.parseInt(part, 10))

function isAtLeast(version: readonly number[], wanted: readonly number[]): boolean {
  const differing = wanted.findIndex((number, index) => number !== (version[index] ?? 0))
  return differing === -1 || (version[differing] ?? 0) > (wanted[differing] ?? 0)
}
