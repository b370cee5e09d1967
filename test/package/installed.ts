/** The packed file, used as a stranger does: on a Node of theirs, in an empty directory outside the repository. */
import { execFile, spawn, type ChildProcess } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, delimiter, join } from "node:path"
import { promisify } from "node:util"
import { VERSION } from "../../cli/package.ts"

export const ROOT = join(import.meta.dirname, "../..")
/** Of one command, which may install. Milliseconds. */
const TIMEOUT_MS = 120_000

/** What `npm run pack` makes, before any of these tests (packed.ts). */
export const TARBALL = join(ROOT, "build", `narrowgate-${VERSION}.tgz`)

export async function pack(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, "dev/pack.ts")], { cwd: ROOT })
}

/** One that is too old, the oldest that the package admits, and the newest with long support, which the clone has. */
export const [TOO_OLD, OLDEST, NEWEST] = ["20.19.0", "22.15.0", "24"] as const
type Version = typeof TOO_OLD | typeof OLDEST | typeof NEWEST

const nodeModulesOf = (version: Version): string => (version === NEWEST ? ROOT : join(ROOT, "build/nodes", version))

/** Once for all tests, as the package `node` of npm has them. */
export async function installNodes(): Promise<void> {
  await Promise.all(
    ([TOO_OLD, OLDEST] as const).map(async (version) => {
      const cwd = nodeModulesOf(version)
      await mkdir(cwd, { recursive: true })
      await writeFile(join(cwd, "package.json"), '{ "allowScripts": { "node": true } }\n')
      await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", `node@${version}`], { cwd })
    }),
  )
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
}

export interface Place extends AsyncDisposable {
  /** Empty at first. */
  readonly directory: string
  /** The packed file. */
  readonly tarball: string
  /** What `npx` alone has installed. */
  readonly temporary: string
  readonly env: NodeJS.ProcessEnv
  /** From now on, programs run on this Node. */
  readonly use: (node: Version) => void
  readonly run: (program: string, ...args: readonly string[]) => Promise<Ran>
  /** `npx narrowgate` there. */
  readonly narrowgate: (...args: readonly string[]) => Promise<Ran>
  /** The same, until it is ended. */
  readonly start: (...args: readonly string[]) => ChildProcess
}

export async function emptyPlace(node: Version): Promise<Place> {
  const around = await mkdtemp(join(tmpdir(), "narrowgate-package-"))
  const [directory, cache] = [join(around, "empty"), join(around, "cache")]
  for (const path of [directory, cache]) await mkdir(path)
  const tarball = join(around, basename(TARBALL))
  await cp(TARBALL, tarball)
  const { stdout } = await promisify(execFile)("npm", ["config", "get", "cache"])
  // What npx installs is new each time; what was downloaded is not. (Where npm finds packages is in the environment.)
  await symlink(join(stdout.trim(), "_cacache"), join(cache, "_cacache"))
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    npm_config_cache: cache,
    // That of `npm run -s`, which may run these tests, is not theirs.
    npm_config_loglevel: "notice",
    NO_COLOR: "1",
  }
  const use = (version: Version): void => {
    env["PATH"] = [join(nodeModulesOf(version), "node_modules/node/bin"), process.env["PATH"]].join(delimiter)
  }
  use(node)
  const runIn = async (cwd: string, program: string, args: readonly string[]): Promise<Ran> => {
    const begin = performance.now()
    return new Promise((resolve) => {
      const child = execFile(program, [...args], { cwd, env, timeout: TIMEOUT_MS }, (_error, out, stderr) => {
        const seconds = (performance.now() - begin) / 1000
        resolve({ code: child.exitCode ?? -1, stdout: out, stderr, seconds })
      })
    })
  }
  return {
    directory,
    tarball,
    temporary: join(cache, "_npx"),
    env,
    use,
    run: async (program, ...args) => runIn(directory, program, args),
    narrowgate: async (...args) => runIn(directory, "npx", ["narrowgate", ...args]),
    start: (...args) =>
      spawn("npx", ["narrowgate", ...args], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] }),
    [Symbol.asyncDispose]: async () => rm(around, { recursive: true, force: true, maxRetries: 3 }),
  }
}
