/** The Python of this machine: PYTHON names another interpreter than `python3`. */
import { execFileSync } from "node:child_process"

export const PYTHON = process.env["PYTHON"] ?? "python3"

/** Whether this Python can make virtual environments, and is new enough for what tests and benchmarks install there. */
export function hasPython(): boolean {
  try {
    execFileSync(PYTHON, ["-c", "import ensurepip, venv, sys; assert sys.version_info >= (3, 11)"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}
