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
  readonly run: (program: string, ...args: readonly string[]) => Promise<Ran>
  /** `npx narrowgate` there. */
  readonly narrowgate: (...args: readonly string[]) => Promise<Ran>
  /** The same, until it is ended. */
  readonly start: (...args: readonly string[]) => ChildProcess
}

/** @param node the version of Node, as the package `node` of npm has it */
export async function emptyPlace(node: string): Promise<Place> {
  const around = await mkdtemp(join(tmpdir(), "narrowgate-package-"))
  const [directory, own, cache] = [join(around, "empty"), join(around, "node"), join(around, "cache")]
  for (const path of [directory, own, cache]) await mkdir(path)
  const tarball = join(around, basename(TARBALL))
  await cp(TARBALL, tarball)
  await writeFile(join(own, "package.json"), '{ "allowScripts": { "node": true } }\n')
  const { stdout } = await promisify(execFile)("npm", ["config", "get", "cache"])
  // What npx installs is new each time; what was downloaded is not. (Where npm finds packages is in the environment.)
  await symlink(join(stdout.trim(), "_cacache"), join(cache, "_cacache"))
  const env = {
    ...process.env,
    PATH: [join(own, "node_modules/node/bin"), process.env["PATH"]].join(delimiter),
    npm_config_cache: cache,
    // That of `npm run -s`, which may run these tests, is not theirs.
    npm_config_loglevel: "notice",
    NO_COLOR: "1",
  }
  const runIn = async (cwd: string, program: string, args: readonly string[]): Promise<Ran> => {
    const begin = performance.now()
    return new Promise((resolve) => {
      const child = execFile(program, [...args], { cwd, env, timeout: TIMEOUT_MS }, (_error, out, stderr) => {
        const seconds = (performance.now() - begin) / 1000
        resolve({ code: child.exitCode ?? -1, stdout: out, stderr, seconds })
      })
    })
  }
  const { code, stderr } = await runIn(own, "npm", ["install", "--no-audit", "--no-fund", `node@${node}`])
  if (code !== 0) throw new Error(stderr)
  return {
    directory,
    tarball,
    temporary: join(cache, "_npx"),
    env,
    run: async (program, ...args) => runIn(directory, program, args),
    narrowgate: async (...args) => runIn(directory, "npx", ["narrowgate", ...args]),
    start: (...args) =>
      spawn("npx", ["narrowgate", ...args], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] }),
    [Symbol.asyncDispose]: async () => rm(around, { recursive: true, force: true, maxRetries: 3 }),
  }
}
