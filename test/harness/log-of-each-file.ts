/** Before and after each file of tests, in workerd and in Node: see worker-log.ts. */
import { afterAll, beforeAll } from "vitest"
import { captureLog, expectNoOtherDefect } from "./worker-log.ts"

beforeAll(captureLog)
afterAll(expectNoOtherDefect)
