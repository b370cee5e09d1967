import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { configDefaults, defineConfig } from "vitest/config"
import { selfSigned } from "./test/node/certificate.ts"

// What a program says of itself is fetched with TLS only, from loopback too; whom the Worker's runtime trusts it reads
// when it is loaded.
const { key, cert } = selfSigned()
const trusted = join(mkdtempSync(join(tmpdir(), "narrowgate-certificate-")), "certificate.pem")
writeFileSync(trusted, cert)

/** The command as people run it, most against a local stack of their own: slower than the rest, and a run of their own. */
export const COMMAND_TESTS = [
  "test/node/cli/{answering,command,completion,diff,explain,help,init,login,publish,revoke,secrets,terminal,test-command}.test.ts",
  "test/node/import/{mcp,openapi}.test.ts",
]

/** What needs Node: the official Cedar engine as oracle, the command line's parts. Everything else runs in workerd. */
export default defineConfig({
  test: {
    include: ["test/node/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...COMMAND_TESTS],
    // Nothing that these tests import remembers anything, and none feigns anything: a process for each file would only
    // load the official engine anew.
    isolate: false,
    // One waits for a ledger to fall asleep; the others need not wait with it.
    maxWorkers: 2,
    testTimeout: 60_000,
    env: { NODE_EXTRA_CA_CERTS: trusted, LOOPBACK_KEY: key, LOOPBACK_CERTIFICATE: cert },
  },
})
