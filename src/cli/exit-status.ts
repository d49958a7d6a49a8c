/** Exit statuses that do not come from an error: INTERFACE section 3. */

/** `status` and `lab verify`: it works, but not all is well. */
export const DEGRADED = 7
/** A foreground command could not be started at all; docker says so too. */
export const NOT_STARTED = 125
