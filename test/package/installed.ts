/** The packed file, installed as npm installs it, in a directory outside the repository. */
import { execFile, spawn, type ChildProcess } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { VERSION } from "../../cli/package.ts"

const ROOT = join(import.meta.dirname, "../..")

/** What `npm run pack` made. */
export async function pack(): Promise<string> {
  await promisify(execFile)(process.execPath, [join(ROOT, "dev/pack.ts")], { cwd: ROOT })
  return join(ROOT, "build", `narrowgate-${VERSION}.tgz`)
}

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Installed extends AsyncDisposable {
  readonly directory: string
  /** `npm` there, on the Node that is tried. */
  readonly npm: (...args: readonly string[]) => Promise<Ran>
  /** `npx narrowgate` there. */
  readonly narrowgate: (...args: readonly string[]) => Promise<Ran>
  /** The same, until it is ended. */
  readonly start: (...args: readonly string[]) => ChildProcess
}

/** @param node the version of Node, as the package `node` of npm has it */
export async function install(tarball: string, node: string): Promise<Installed> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-package-"))
  // (Where this machine's npm finds packages is in its environment.)
  const env = {
    ...process.env,
    PATH: [join(directory, "node_modules/node/bin"), process.env["PATH"]].join(delimiter),
    NO_COLOR: "1",
  }
  const run = async (program: string, args: readonly string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const child = execFile(program, [...args], { cwd: directory, env, timeout: 120_000 }, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      )
    })
  await writeFile(
    join(directory, "package.json"),
    '{ "private": true, "allowScripts": { "node": true, "workerd": true } }\n',
  )
  const npm = async (...args: readonly string[]): Promise<Ran> => run("npm", args)
  for (const what of [`node@${node}`, tarball]) {
    const { code, stderr } = await npm("install", "--no-audit", "--no-fund", what)
    if (code !== 0) throw new Error(stderr)
  }
  return {
    directory,
    npm,
    narrowgate: async (...args) => run("npx", ["narrowgate", ...args]),
    start: (...args) =>
      spawn("npx", ["narrowgate", ...args], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] }),
    [Symbol.asyncDispose]: async () => rm(directory, { recursive: true, force: true }),
  }
}
