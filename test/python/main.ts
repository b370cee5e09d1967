/**
 * `npm run test:python`: builds the wheel of `clients/python`, installs it into fresh environments, and runs its tests,
 * its types and its style there, and the agents of `examples/agents` that are written in Python, against the local
 * stack. PYTHON names another interpreter than `python3`; PYTHON_REQUIRED=yes makes it a failure if there is none.
 */
import { execFile } from "node:child_process"
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { hasPython, PYTHON } from "../../dev/python.ts"
import { startPythonStack } from "./stack.ts"

const CLIENT = join(import.meta.dirname, "../../clients/python")
const REQUIREMENTS = join(CLIENT, "tests/requirements")

/** For whom agents act there: the ledger of one person is asleep if nothing happens for them. */
const USERS: ReadonlyMap<string, string> = new Map([
  ["core", "alice"],
  ["mcp-1", "bob"],
  ["mcp-2", "bob"],
])

/** Only what runs is compiled, once, and not into the repository. */
const INSTALL = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "--no-compile"]

/** Environments by name, with what runs in each: arguments of its interpreter. */
const RUNS: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  [
    "core",
    [
      ["-m", "ruff", "check", "--no-cache", ".", "../../examples/agents", "../../bench/agentdojo"],
      ["-m", "ruff", "format", "--no-cache", "--check", ".", "../../examples/agents", "../../bench/agentdojo"],
      ["-m", "mypy", "src"],
      ["-m", "mypy", "tests/typed/httpx_user.py"],
      ["-m", "pytest", "tests/core", "tests/pages"],
    ],
  ],
  ["mcp-1", [["-m", "pytest", "tests/mcp_1", "tests/pages"]]],
  [
    "mcp-2",
    [
      ["-m", "mypy", "src"],
      ["-m", "mypy", "tests/typed"],
      ["-m", "pytest", "tests/mcp_2", "tests/pages"],
    ],
  ],
])

if (!hasPython()) {
  console.log(`no ${PYTHON} with venv of version 3.11 or newer: clients/python was not tested`)
  process.exit(process.env["PYTHON_REQUIRED"] === "yes" ? 1 : 0)
}
const parting = new AsyncDisposableStack()
const directory = await mkdtemp(join(tmpdir(), "narrowgate-wheel-"))
parting.defer(async () => rm(directory, { recursive: true, force: true }))
try {
  process.exitCode = (await runAll()) ? 0 : 1
} finally {
  await parting.disposeAsync()
}

async function runAll(): Promise<boolean> {
  const names = [...RUNS.keys()]
  const [stack] = await Promise.all([startPythonStack(), ...names.map(makeEnvironment)])
  parting.defer(stack.close)
  const wheel = await buildWheel()
  const order = join(directory, "stack.json")
  await writeFile(order, JSON.stringify(stack.order), { mode: 0o600 })
  const env = { ...process.env, NARROWGATE_STACK: order, PYTHONPYCACHEPREFIX: join(directory, "compiled") }
  const results = await Promise.all([...RUNS].map(async ([name, runs]) => runIn(name, runs, wheel, env)))
  return results.every(Boolean)
}

async function runIn(
  name: string,
  runs: readonly (readonly string[])[],
  wheel: string,
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  // Everything that it needs is there, in the versions that are pinned.
  await must(pythonOf(name), ...INSTALL, "--no-deps", wheel)
  await must(pythonOf(name), "-m", "pip", "check", "--disable-pip-version-check")
  const own = {
    ...env,
    NARROWGATE_USER: USERS.get(name),
    NARROWGATE_ENVIRONMENT: name,
    MYPY_CACHE_DIR: join(directory, `types-${name}`),
  }
  let isFine = true
  for (const args of runs) {
    const { code, output } = await run(pythonOf(name), args, own)
    const what = `${name}: ${args.slice(1).join(" ")}`
    console.log(code === 0 ? `ok  ${what}: ${lastLine(output)}` : `FAILED  ${what}\n${output}`)
    isFine &&= code === 0
  }
  return isFine
}

function pythonOf(environment: string): string {
  return join(directory, environment, "bin/python")
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? ""
}

async function makeEnvironment(name: string): Promise<void> {
  await must(PYTHON, "-m", "venv", join(directory, name))
  await must(pythonOf(name), ...INSTALL, "-r", join(REQUIREMENTS, `${name}.txt`))
}

/** By the builder of the first environment, which is pinned there. */
async function buildWheel(): Promise<string> {
  const out = join(directory, "wheel")
  await must(pythonOf("core"), "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, CLIENT)
  const [wheel, ...others] = await readdir(out)
  if (wheel === undefined || others.length > 0) throw new Error("not one wheel was built")
  return join(out, wheel)
}

interface Ran {
  readonly code: number
  readonly output: string
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { cwd: CLIENT, env, maxBuffer: 2 ** 26 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    )
  })
}

async function must(program: string, ...args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, [...args], { cwd: CLIENT, maxBuffer: 2 ** 26 })
}
