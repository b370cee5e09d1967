/** Before any test of the packed file: it is packed, and the Nodes on which it runs are installed, once. */
import { installNodes, pack } from "./installed.ts"

export default async function prepare(): Promise<void> {
  await pack()
  await installNodes()
}
