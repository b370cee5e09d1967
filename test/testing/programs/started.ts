/** A test run that starts Narrowgate, says where it is, and then does not end by itself. */
import { startNarrowgate } from "../../../testing/index.ts"

const ng = await startNarrowgate({ policies: "policies" })
console.log(ng.url)
await new Promise(() => undefined)
