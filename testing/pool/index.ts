/**
 * `narrowgate/testing/pool`: the same in Cloudflare's pool for Vitest, whose tests run in workerd and cannot start
 * miniflare. `narrowgateWorker()` of `narrowgate/testing` is an auxiliary Worker there, and tests are bound to its entry
 * point `TestKit`.
 */
import { connect } from "../kit/kit.ts"
import type { PoolNarrowgate } from "../types.ts"
import { poolGateway } from "./gateway.ts"
import type { TestKitBinding } from "../kit/setup.ts"

export { NarrowgateTestError, TaskDenied, type TestErrorCode } from "../kit/error.ts"
export type * from "../types.ts"
export { assertAllowed, assertDenied } from "../assertions.ts"

/** @param binding the test's service binding to the entry point `TestKit` of the auxiliary Worker */
export async function narrowgateBehind(binding: object): Promise<PoolNarrowgate> {
  // A stub has every method, as far as one can see before one is called.
  const kit: TestKitBinding = Object(binding)
  const connected = await connect(kit, async () => undefined)
  return Object.assign(connected, {
    gateway: (id: string, upstream: Parameters<PoolNarrowgate["gateway"]>[1]) =>
      poolGateway(connected, connected.gatewayOf(id), upstream),
  })
}
