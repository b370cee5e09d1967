import { LOOP_KINDS } from "./kinds.ts"
import { soak } from "./soak.ts"

soak(LOOP_KINDS)
