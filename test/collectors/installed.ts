/** Where real sinks are installed (install.sh), by EXPORT. Without it the tests are left out, unless EXPORT_REQUIRED is set. */
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"

const directory = process.env["EXPORT"]

/** Null if there are none. */
export const INSTALLED =
  directory === undefined || directory === ""
    ? null
    : {
        collector: resolve(directory, "otelcol"),
        s3: resolve(directory, "versitygw"),
        python: resolve(directory, "venv/bin/python"),
      }

if (INSTALLED) {
  const missing = Object.values(INSTALLED).filter((path) => !existsSync(path))
  if (missing.length > 0) throw new Error(`EXPORT has no ${missing.join(", ")}: ${join("test/collectors/install.sh")}`)
} else if (process.env["EXPORT_REQUIRED"]) throw new Error("EXPORT names no directory of real sinks")
