/** A request leads to one tool: routes and MCP endpoints may not clash, and a gateway must serve them. */
import { Overlaps, type Reached } from "../model/route-overlaps.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { METHODS } from "../schema/catalog.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Path } from "../source/source.ts"

interface Endpoint extends Reached {
  readonly owner: string
  /** Of the origin and of the path, in catalog.yaml. */
  readonly at: Path
}

export function checkRoutes({ catalog, gateways }: Policies): Problem[] {
  const origins = new Set(gateways.value.gateways.flatMap((gateway) => gateway.origins))
  const earlier = new Overlaps<Endpoint>()
  return endpointsOf(catalog.value).flatMap((endpoint) => {
    const problems: Problem[] = []
    if (!origins.has(endpoint.origin)) {
      const fix = suggest(endpoint.origin, origins, "Add the origin to a gateway.")
      problems.push(catalog.error([...endpoint.at, "origin"], `no gateway serves \`${endpoint.origin}\``, fix))
    }
    const [other] = earlier.clashing(endpoint)
    earlier.add(endpoint, endpoint)
    if (other) {
      const message = `the same request could mean \`${other.owner}\` and \`${endpoint.owner}\``
      problems.push(
        catalog.error([...endpoint.at, "path"], message, "Change the path, the methods or the origin of one."),
      )
    }
    return problems
  })
}

function endpointsOf({ servers, tools }: Policies["catalog"]["value"]): Endpoint[] {
  return [
    ...servers.map(({ name, origin, path }, index) => ({
      owner: name,
      at: ["servers", index],
      origin,
      // An endpoint of MCP takes them all: those that the protocol does not know are refused there.
      methods: METHODS,
      path,
    })),
    ...tools.flatMap(({ name, route }, index) =>
      route ? [{ owner: name, at: ["tools", index, "route"], ...route }] : [],
    ),
  ]
}
