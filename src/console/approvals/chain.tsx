/** The chain of a call as a picture: the user, the agents that delegate to one another, and the tool, from top to bottom. */
import type { FC } from "hono/jsx"
import { shortened, markInvisible } from "../../web/visible.ts"

export interface Link {
  /** Its role in the chain, in one word. */
  readonly role: string
  readonly name: string
}

/** @param user null if the agent acts on its own */
export function linksOf(user: string | null, chain: readonly string[], tool: string): readonly Link[] {
  const agents = chain.map((name, index) => ({ role: index === 0 ? "agent" : "sub-agent", name }))
  return [{ role: "person", name: user ?? "none: the agent acts on its own" }, ...agents, { role: "tool", name: tool }]
}

const BOX = { width: 304, height: 46 } as const
const GAP = 26
const EDGE = 2
/** The characters of a name that fit into a box. */
const MOST_SHOWN = 38

export interface Placed extends Link {
  readonly x: number
  readonly y: number
}

export function placed(links: readonly Link[]): {
  readonly boxes: readonly Placed[]
  readonly width: number
  readonly height: number
} {
  const boxes = links.map((link, index) => ({ ...link, x: EDGE, y: EDGE + index * (BOX.height + GAP) }))
  return {
    boxes,
    width: BOX.width + 2 * EDGE,
    height: links.length * (BOX.height + GAP) - GAP + 2 * EDGE,
  }
}

export const ChainPicture: FC<{ readonly links: readonly Link[] }> = ({ links }) => {
  const { boxes, width, height } = placed(links)
  const label = links.map(({ role, name }) => `${role} ${markInvisible(name)}`).join(", then ")
  const middle = EDGE + BOX.width / 2
  return (
    <svg class="picture" role="img" aria-label={label} viewBox={`0 0 ${width} ${height}`} width={width} height={height}>
      {boxes.map(({ role, name, x, y }, index) => (
        <>
          {index > 0 && (
            <>
              <path class="link" d={`M${middle} ${y - GAP}V${y - 6}`} />
              <path class="tip" d={`M${middle - 5} ${y - 9}L${middle} ${y - 1}L${middle + 5} ${y - 9}z`} />
            </>
          )}
          <rect class={role === "tool" ? "box warn" : "box"} x={x} y={y} width={BOX.width} height={BOX.height} rx="8" />
          <text class="quiet" x={x + 12} y={y + 18}>
            {role}
          </text>
          <text x={x + 12} y={y + 36}>
            {shortened(name, MOST_SHOWN, role === "tool" ? "start" : "end")}
          </text>
        </>
      ))}
    </svg>
  )
}
