/** The packages that this one needs are installed, each in the version that it was tested with. */
import { resolve } from "node:path"
import { ok, problem, warn, type Finding } from "../finding.ts"
import { installCommand, PACKAGE } from "../../package.ts"
import { fits, installedVersion, ownManifest } from "../manifest.ts"

type Versions = Readonly<Record<string, string>>

export async function checkPackages(): Promise<readonly Finding[]> {
  const { dependencies, devDependencies, peerDependencies } = await ownManifest()
  const needed = { ...devDependencies, ...dependencies }
  return [
    judgeNeeded(await differing(needed, [PACKAGE]), Object.keys(needed).length),
    ...judgeOptional(await differing(peerDependencies, [PACKAGE, resolve(".")])),
  ]
}

interface Differing {
  readonly name: string
  readonly wanted: string
  /** Null: it is not installed. */
  readonly found: string | null
}

/** @param from directories of which the first that has a package counts */
export async function differing(wanted: Versions, from: readonly string[]): Promise<readonly Differing[]> {
  const all = Object.entries(wanted).map(async ([name, version]): Promise<Differing> => {
    const found = await Promise.all(from.map(async (directory) => installedVersion(name, directory)))
    return { name, wanted: version, found: found.find((each) => each !== null) ?? null }
  })
  return (await Promise.all(all)).filter(({ wanted: version, found }) => found === null || !fits(found, version))
}

export function judgeNeeded(wrong: readonly Differing[], count: number): Finding {
  if (wrong.length === 0) return ok(`${count} packages, as they were tested`)
  return problem(wrong.map(told).join("; "), "Install anew, by the lock file in a clone: `npm ci`, else `npm install`.")
}

export function judgeOptional(wrong: readonly Differing[]): readonly Finding[] {
  if (wrong.length === 0) return []
  return [
    warn(
      `${wrong.map(told).join("; ")}: \`narrowgate dev\` and \`deploy\` need them`,
      `Install them where you use these: ${installCommand(wrong.map(({ name }) => name))}`,
    ),
  ]
}

const told = ({ name, wanted, found }: Differing): string =>
  found === null ? `${name} is not installed` : `${name} is ${found}, not ${wanted}`
