/** Every check of `narrowgate doctor`, in the order in which they are shown. A new one is a file in checks/, and a row. */
import { checkBundle } from "./checks/bundle.ts"
import { checkClock } from "./checks/clock.ts"
import { checkDestinations } from "./checks/destinations.ts"
import { checkGatewayKeys } from "./checks/gateway-keys.ts"
import { checkGateways } from "./checks/gateways.ts"
import { checkIssuers } from "./checks/issuers.ts"
import { checkPackages } from "./checks/packages.ts"
import { checkPlatform } from "./checks/platform.ts"
import { checkPolicies, checkTests } from "./checks/policies.ts"
import { checkPorts } from "./checks/ports.ts"
import { checkProxy } from "./checks/proxy.ts"
import { checkPublisher } from "./checks/publisher.ts"
import { checkResourceMetadata } from "./checks/resource-metadata.ts"
import { checkServers } from "./checks/servers.ts"
import { checkSinks } from "./checks/sinks.ts"
import { checkToken } from "./checks/token.ts"
import { checkIssuer, checkVersion, checkWorker } from "./checks/worker.ts"
import type { Finding } from "./finding.ts"
import type { Subject } from "./subject.ts"

export type Check = (subject: Subject) => readonly Finding[] | Promise<readonly Finding[]>

/** By the name that people see. */
export const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["platform", checkPlatform],
  ["packages", checkPackages],
  ["proxy", checkProxy],
  ["port", checkPorts],
  ["policies", checkPolicies],
  ["tests", checkTests],
  ["worker", checkWorker],
  ["name", checkIssuer],
  ["version", checkVersion],
  ["bundle", checkBundle],
  ["publisher", checkPublisher],
  ["clock", checkClock],
  ["destination", checkDestinations],
  ["issuer", checkIssuers],
  ["key", checkGatewayKeys],
  ["gateway", checkGateways],
  ["server", checkServers],
  ["metadata", checkResourceMetadata],
  ["sink", checkSinks],
  ["token", checkToken],
])
