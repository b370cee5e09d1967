/** Before any test of the packed file: it is packed, once. */
import { pack } from "./installed.ts"

export default pack
