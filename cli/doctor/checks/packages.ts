/** The packages that this one needs are installed, each in the version that it was tested with. */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { ok, problem, skipped, warn, type Finding } from "../finding.ts"
import { installCommand, LOCAL_STACK, PACKAGE } from "../../package.ts"
import { fits } from "../../versions.ts"
import { installedVersion, ownManifest } from "../manifest.ts"

type Versions = Readonly<Record<string, string>>

export async function checkPackages(): Promise<readonly Finding[]> {
  const { dependencies, devDependencies, tested } = await ownManifest()
  const needed = { ...devDependencies, ...dependencies }
  return [
    judgeNeeded(await differing(needed, [PACKAGE]), Object.keys(needed).length),
    ...judgeOptional(await differing(tested, [PACKAGE, resolve(".")]), existsSync("narrowgate.yaml")),
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
  const all = Object.entries(wanted).map(async ([name, range]): Promise<Differing> => {
    // Under a name of its own, a package stands as `npm:<its name>@<version>`.
    const version = range.replace(/^npm:.+@/u, "")
    const found = await Promise.all(from.map(async (directory) => installedVersion(name, directory)))
    return { name, wanted: version, found: found.find((each) => each !== null) ?? null }
  })
  return (await Promise.all(all)).filter(({ wanted: version, found }) => found === null || !fits(found, version))
}

export function judgeNeeded(wrong: readonly Differing[], count: number): Finding {
  if (wrong.length === 0) return ok(`${count} packages, as they were tested`)
  return problem(
    wrong.map(differenceText).join("; "),
    "Install anew, by the lock file in a clone: `npm ci`, else `npm install`.",
  )
}

const [DEV, SERVE] = ["`narrowgate dev`", "`narrowgate serve`"]

/** Package → what needs it. */
const NEEDED_BY: ReadonlyMap<string, string> = new Map([
  ...LOCAL_STACK.map((name) => [name, DEV] as const),
  ["workerd", SERVE],
  ["vitest", "a test of yours in Vitest"],
  ["wrangler", "`narrowgate deploy`"],
])

/** @param isServing the directory is one of `narrowgate serve`, otherwise one to try things out */
export function judgeOptional(wrong: readonly Differing[], isServing = false): readonly Finding[] {
  return [...Map.groupBy(wrong, ({ name }) => NEEDED_BY.get(name) ?? DEV)].map(([what, all]) => {
    const text = `${all.map(differenceText).join("; ")}: ${what} needs it`
    const install = installCommand(all.map(({ name }) => name))
    // Who only tries it out never deploys, and where it serves nobody tries it out.
    if (what !== (isServing ? SERVE : DEV) && all.every(({ found }) => found === null))
      return skipped(`${text} (${install})`)
    return warn(text, `Install it where you use that: ${install}`)
  })
}

const differenceText = ({ name, wanted, found }: Differing): string =>
  found === null ? `${name} is not installed` : `${name} is ${found}, not ${wanted}`
