import { SEQUENCE_KINDS } from "./kinds.ts"
import { soak } from "./soak.ts"

soak(SEQUENCE_KINDS)
